import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseJson } from '../../schema/json.ts';
import { ListSplitter } from './list-splitter.ts';

function split(text: string, cuts: readonly number[], itemBytesMax = Number.POSITIVE_INFINITY) {
  const items: unknown[] = [];
  const splitter = new ListSplitter(
    itemBytesMax,
    (item) => items.push(item),
    (item) => parseJson(new TextDecoder().decode(item)),
  );
  const bytes = Buffer.from(text);
  const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  edges.slice(1).forEach((edge, index) => {
    splitter.add(bytes.subarray(edges[index], edge));
  });
  return { items, hasSkipped: splitter.hasSkipped };
}

describe('a list that is split while it arrives', () => {
  it('passes on every object whole, wherever its bytes are cut', () => {
    const list = fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { maxLength: 5 });
    fc.assert(
      fc.property(list, fc.array(fc.nat(), { maxLength: 8 }), fc.constantFrom(0, 2), (items, cuts, indent) => {
        const text = JSON.stringify(items, null, indent);
        assert.deepEqual(split(text, cuts).items, parseJson(text));
      }),
    );
  });

  it('keeps integers beyond 2^53 exact', () => {
    assert.deepEqual(split('[{"id":9223372036854775807}]', [10]).items, [{ id: 9223372036854775807n }]);
  });

  it('skips an item beyond the limit, reports it, and continues', () => {
    const text = JSON.stringify([{ a: 1 }, { a: 'x'.repeat(100) }, { a: 2 }]);
    assert.deepEqual(split(text, [20, 30, 60], 50), { items: [{ a: 1 }, { a: 2 }], hasSkipped: true });
  });

  it('holds an item of exactly the limit', () => {
    const item = { a: 'x'.repeat(42) };
    assert.equal(JSON.stringify(item).length, 50);
    assert.deepEqual(split(JSON.stringify([item]), [], 50), { items: [item], hasSkipped: false });
    assert.deepEqual(split(JSON.stringify([item]), [], 49), { items: [], hasSkipped: true });
  });

  it('refuses an item that is not JSON', () => {
    assert.throws(() => split('[{"a":}]', []), SyntaxError);
  });
});
