import assert from 'node:assert/strict';
import { notifications } from '../../contract.ts';
import { parseCursor, toCursor } from './cursor.ts';

const position = { at: new Date('2026-11-20T09:00:01.250Z'), orderID: 1n, seq: 3 };
const encode = (text: string): string => Buffer.from(text).toString('base64url');

describe('cursor', () => {
  it('decodes to the encoded position', () => {
    for (const orderID of [0n, 9223372036854775807n, -9223372036854775808n, 2n ** 53n + 1n]) {
      for (const seq of [1, 4_294_967_295]) {
        assert.deepEqual(parseCursor(toCursor({ ...position, orderID, seq })), { ...position, orderID, seq });
      }
    }
  });

  it("is the one in the contract's example", () => {
    assert.equal(toCursor(position), notifications.methods.history.example.result.nextCursor);
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
    'one of ours with something behind': `${toCursor(position)}=`,
    'half of one of ours': toCursor(position).slice(0, 30),
  };
  for (const [what, text] of Object.entries(strangers)) {
    it(`refuses ${what}`, () => {
      assert.equal(parseCursor(text), undefined);
    });
  }
});
