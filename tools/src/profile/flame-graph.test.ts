import assert from 'node:assert/strict';
import type { CallTree } from './call-tree.ts';
import { drawFlameGraph } from './flame-graph.ts';

const LOMS = 'loms/src/domain/pay-order.ts:12';

function node(name: string, location: string, self: number, ...children: CallTree[]): CallTree {
  return { name, location, group: '', self, total: children.reduce((sum, { total }) => sum + total, self), children };
}

function draw(tree: CallTree, title = 'CPU profile of loms'): string {
  return drawFlameGraph(tree, { title, subtitle: 'busy for 10 ms', format: (cost) => `${cost} ms` });
}

/** Class, x, y and width of each frame, by its name. */
function framesOf(svg: string) {
  const frames = svg.matchAll(
    /<g><title>(?<name>[^\s:]+).*?<rect class="(?<kind>\w+)" x="(?<x>[\d.]+)" y="(?<y>\d+)" width="(?<width>[\d.]+)"/g,
  );
  return [...frames].map(({ groups: { name = '', kind = '', x, y, width } = {} }) => {
    return { name, kind, x: Number(x), y: Number(y), width: Number(width) };
  });
}

describe('A flame graph', () => {
  it('draws each function as wide as its cost, above its caller, in the colour of its origin', () => {
    const query = node('query', 'node_modules/pg/lib/client.js:9', 3, node('writev', '', 2));
    const svg = draw(node('(root)', '', 0, node('pay', LOMS, 4, query), node('emit', 'node:events:1', 1)));
    const [root, pay, called, native, emit] = framesOf(svg);
    assert.deepEqual(
      [root, pay, called, native, emit].map((frame) => [frame?.name, frame?.kind]),
      [
        ['(root)', 'native'],
        ['pay', 'ours'],
        ['query', 'package'],
        ['writev', 'native'],
        ['emit', 'node'],
      ],
    );
    const share = (frame = { width: 0 }) => Math.round((frame.width / (root?.width ?? 1)) * 100);
    assert.deepEqual([pay, called, native, emit].map(share), [90, 50, 20, 10]);
    assert.ok((pay?.y ?? 0) < (root?.y ?? 0) && (called?.y ?? 0) < (pay?.y ?? 0));
    assert.equal(pay?.x, root?.x);
    assert.ok(Math.abs((emit?.x ?? 0) - (pay?.x ?? 0) - (pay?.width ?? 0)) < 0.2);
    assert.match(svg, /<title>pay loms\/src\/domain\/pay-order\.ts:12: 9 ms, 90\.0 %<\/title>/);
  });

  it('draws one function below one caller once, and no frame that is too narrow to see', () => {
    const svg = draw(node('(root)', '', 0, node('pay', LOMS, 5_000), node('pay', LOMS, 5_000), node('tiny', LOMS, 1)));
    assert.deepEqual(
      framesOf(svg).map(({ name }) => name),
      ['(root)', 'pay'],
    );
  });

  it('keeps every text within its frame', () => {
    const children = Array.from({ length: 40 }, (_, index) =>
      node(`aFunctionWithAVeryLongName${index}`, LOMS, 1 + index),
    );
    const svg = draw(node('(root)', '', 0, ...children));
    const labelled = [...svg.matchAll(/width="([\d.]+)" height="\d+" rx="1"\/><text[^>]*>([^<]+)</g)];
    assert.ok(labelled.length > 10, String(labelled.length));
    for (const [, width, text = ''] of labelled) assert.ok(text.length * 11 * 0.62 + 3 <= Number(width), text);
  });

  it('names a function without a name by its file and line', () => {
    assert.match(draw(node('(root)', '', 0, node('(anonymous)', LOMS, 1))), />pay-order\.ts:12<\/text>/);
  });

  it('escapes names, and has a title and colours for light and dark pages', () => {
    const svg = draw(node('(root)', '', 0, node('Client.<computed>', '', 1)), 'loms & notifications');
    assert.match(svg, /^<svg [^>]*>\n<title>loms &amp; notifications<\/title>/);
    assert.match(svg, />Client\.&lt;computed&gt;<\/text>/);
    assert.match(svg, /@media \(prefers-color-scheme:dark\)/);
  });

  it('draws a profile without samples', () => {
    assert.match(draw(node('(root)', '', 0)), /<\/svg>\n$/);
  });
});
