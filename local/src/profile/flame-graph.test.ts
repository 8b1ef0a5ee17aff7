import assert from 'node:assert/strict';
import type { CpuProfile } from 'benchmarks/cpu-profile';
import { type CallTree, fromCpuProfile, fromHeapProfile, sumCosts } from './call-tree.ts';
import { renderFlameGraph } from './flame-graph.ts';
import { formatBytes, formatMicros, summarize } from './summary.ts';

const frame = (functionName: string, url = '', lineNumber = -1) => ({ functionName, url, lineNumber });

/** Of 10 ms 4 are idle; pay costs 1 itself and 3 in JSON.stringify, a package 2. */
const PROFILE: CpuProfile = {
  startTime: 0,
  nodes: [
    { id: 1, callFrame: frame('(root)'), children: [2, 3, 5] },
    { id: 2, callFrame: frame('(idle)') },
    { id: 3, callFrame: frame('pay', 'file:///home/me/mesh/loms/src/domain/pay-order.ts', 11), children: [4] },
    { id: 4, callFrame: frame('stringify') },
    { id: 5, callFrame: frame('', 'file:///home/me/mesh/node_modules/pg/lib/client.js', 0) },
  ],
  samples: [2, 3, 4, 5, 2],
  timeDeltas: [0, 3_000, 1_000, 3_000, 2_000, 1_000],
};

type Frame = { left: number; width: number; row: number; className: string; title: string; label: string };

function framesOf(page: string): Frame[] {
  const pattern = /<div class="(\w+)" style="--x:([\d.]+);--w:([\d.]+);--y:(\d+)" title="([^"]*)">([^<]*)<\/div>/g;
  return [...page.matchAll(pattern)].map(([, className = '', left, width, row, title = '', label = '']) => ({
    ...{ left: Number(left), width: Number(width), row: Number(row) },
    ...{ className, title, label },
  }));
}

describe('A flame graph', () => {
  const { tree, idleMicros } = fromCpuProfile(PROFILE);
  const render = (of: CallTree) => renderFlameGraph({ title: 'A profile', facts: [], tree: of, format: formatMicros });

  it('has a frame as wide as it costs below each caller, the dearest to the left, and leaves out rest', () => {
    assert.equal(idleMicros, 4_000);
    const places = framesOf(render(tree)).map(({ label, left, width, row }) => [label, left, width, row]);
    assert.deepEqual(places, [
      ['all', 0, 1, 0],
      ['pay', 0, 0.666667, 1],
      ['stringify', 0, 0.5, 2],
      ['client.js:1', 0.666667, 0.333333, 1],
    ]);
  });

  it('tells place and costs of a frame when pointed at, and whose it is by its colour', () => {
    const [, pay, , pg] = framesOf(render(tree));
    assert.equal(pay?.title, 'pay\nloms/src/domain/pay-order.ts:12\n4.0 ms (66.7 %), itself 1.0 ms (16.7 %)');
    assert.equal(pay?.className, 'service');
    assert.equal(pg?.title, '(anonymous)\nnode_modules/pg/lib/client.js:1\n2.0 ms (33.3 %), itself 2.0 ms (33.3 %)');
    assert.equal(pg?.className, 'package');
  });

  it('shows names as they are, whatever they hold', () => {
    const name = `<script>alert("&'")</script>`;
    const page = render({ ...tree, children: tree.children.map((child) => ({ ...child, name, group: name })) });
    assert.ok(!page.includes('<script>alert'));
    assert.ok(page.includes('&lt;script&gt;alert(&quot;&amp;&#39;&quot;)&lt;/script&gt;'));
  });

  it('needs nothing from elsewhere', () => {
    assert.doesNotMatch(render(tree), /https?:|src=|href=|@import|url\(/);
  });

  it('leaves out frames that nobody could see, but not their room', () => {
    const speck = { ...tree.children[0], total: 1, self: 1, children: [] } as CallTree;
    const wide = { ...speck, name: 'wide', total: 999_999 };
    const frames = framesOf(render({ ...tree, total: 1_000_000, children: [speck, wide] }));
    assert.deepEqual(
      frames.map(({ label, left }) => [label, left]),
      [
        ['all', 0],
        ['wide', 0.000001],
      ],
    );
  });

  it('can be empty', () => {
    const nothing = fromCpuProfile({ nodes: [], samples: [], timeDeltas: [], startTime: 0 });
    assert.deepEqual(
      framesOf(render(nothing.tree)).map(({ width }) => width),
      [0],
    );
    assert.deepEqual(summarize(nothing.tree, formatMicros), ['Nothing was sampled.']);
  });
});

describe('The summary of a profile', () => {
  it('lays costs to functions, to packages and files, and to our innermost function', () => {
    const { functions, groups, causes } = sumCosts(fromCpuProfile(PROFILE).tree);
    assert.deepEqual(functions, [
      { what: 'stringify', cost: 3_000 },
      { what: '(anonymous)  node_modules/pg/lib/client.js:1', cost: 2_000 },
      { what: 'pay  loms/src/domain/pay-order.ts:12', cost: 1_000 },
    ]);
    assert.deepEqual(
      groups.map(({ what }) => what),
      ['(native)', 'pg', 'loms/src/domain/pay-order.ts'],
    );
    assert.deepEqual(causes, [
      { what: 'pay  loms/src/domain/pay-order.ts:12', cost: 4_000 },
      { what: 'called by none of ours', cost: 2_000 },
    ]);
  });

  it('reads heap profiles, too, where packages in CommonJS have paths for URLs', () => {
    const tree = fromHeapProfile({
      head: {
        callFrame: frame('(root)'),
        selfSize: 0,
        children: [
          {
            callFrame: frame('Query', '/home/me/mesh/node_modules/pg/lib/query.js', 8),
            selfSize: 2_500_000,
            children: [],
          },
        ],
      },
    });
    assert.deepEqual(
      summarize(tree, formatBytes).slice(0, 3),
      ['\nBy function, what it costs itself', ' 100.0 %     2.5 MB  Query  node_modules/pg/lib/query.js:9'].concat(
        '\nBy package or file',
      ),
    );
  });
});
