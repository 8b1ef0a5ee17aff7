import assert from 'node:assert/strict';
import { int64, RpcError, timestamp, uint32 } from 'rpc-kit';
import { createPages } from './pages.ts';

const pages = createPages({ at: timestamp, orderID: int64, seq: uint32.min(1) });
const entry = { at: new Date('2026-11-20T09:00:01.250Z'), orderID: 1n, seq: 3 };
const cursorOf = (position: typeof entry): string => pages.cut([position, entry], 1).nextCursor ?? '';
const encode = (text: string): string => Buffer.from(text).toString('base64url');

describe('A cursor', () => {
  it('decodes to the position of the last item of its page', () => {
    for (const orderID of [0n, 9223372036854775807n, -9223372036854775808n, 2n ** 53n + 1n]) {
      for (const seq of [1, 4_294_967_295]) {
        assert.deepEqual(pages.after(cursorOf({ ...entry, orderID, seq })), { ...entry, orderID, seq });
      }
    }
  });

  it('is a short text, and the same in each release', () => {
    assert.equal(cursorOf(entry), 'WyIyMDI2LTExLTIwVDA5OjAwOjAxLjI1MFoiLDEsM10');
  });

  it('is missing before the first page', () => {
    assert.equal(pages.after(undefined), undefined);
  });

  const strangers = {
    'text that is no base64url': '*'.repeat(20),
    'text that is no JSON': encode('half a ['),
    'JSON that is no position': encode('{"at":1}'),
    'a position and more': encode('["2026-11-20T09:00:01.250Z",1,3,4]'),
    'an order beyond int64': encode('["2026-11-20T09:00:01.250Z",9223372036854775808,3]'),
    'a seq below 1': encode('["2026-11-20T09:00:01.250Z",1,0]'),
    'a time that is none': encode('["2026-02-30T09:00:01.250Z",1,3]'),
    'a position in other words': encode('["2026-11-20T09:00:01.250Z", 1, 3]'),
    'a time with digits that would be dropped': encode('["2026-11-20T09:00:01.250999Z",1,3]'),
    'one of ours with something behind': `${cursorOf(entry)}=`,
    'half of one of ours': cursorOf(entry).slice(0, 30),
  };
  for (const [what, text] of Object.entries(strangers)) {
    it(`is refused where it is ${what}`, () => {
      assert.throws(
        () => pages.after(text),
        (error) => {
          assert.ok(error instanceof RpcError);
          assert.equal(error.code, 'invalid_params');
          assert.deepEqual(error.details, {
            issues: [{ path: 'cursor', message: 'expected the nextCursor of an earlier page' }],
          });
          return true;
        },
      );
    });
  }
});

describe('A page', () => {
  const entries = (count: number) => Array.from({ length: count }, (_, index) => ({ ...entry, seq: index + 1 }));

  it('has no nextCursor if nothing follows', () => {
    for (const found of [entries(0), entries(2), entries(3)]) {
      assert.deepEqual(pages.cut(found, 3), { items: found, nextCursor: undefined });
    }
  });

  it('ends at its last item if another page follows', () => {
    const { items, nextCursor } = pages.cut(entries(4), 3);
    assert.deepEqual(items, entries(3));
    assert.deepEqual(pages.after(nextCursor), entry);
  });
});
