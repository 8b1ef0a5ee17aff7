import assert from 'node:assert/strict';
import fc from 'fast-check';
import { acceptRequestId, createRequestId, randomUuid } from './request-id.ts';

describe('request ids', () => {
  it('are new each time and of the form that is accepted', () => {
    const ids = Array.from({ length: 100 }, createRequestId).concat(Array.from({ length: 100 }, randomUuid));
    assert.equal(new Set(ids).size, 200);
    for (const id of ids) assert.equal(acceptRequestId(id), id);
  });

  it('are UUIDs of version 4', () => {
    for (const id of [createRequestId(), ...Array.from({ length: 100 }, randomUuid)]) {
      assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
  });

  it('count up, and get another random part before the count repeats itself', () => {
    const parts = new Set<string>();
    let last = '';
    for (let n = 0; n < 900_001; n++) {
      const id = createRequestId();
      const part = id.slice(0, -6);
      if (parts.has(part)) assert.ok(id > last && id.length === last.length, `${id} after ${last}`);
      parts.add(part);
      last = id;
    }
    assert.equal(parts.size, 2);
  });

  it('of a caller are accepted when they are safe', () => {
    for (const id of ['a', 'A1', 'shop:42/a.b-c=d+e@f_g', 'x'.repeat(128)]) assert.equal(acceptRequestId(id), id);
  });

  it('of a caller are replaced when missing, too long or of other letters', () => {
    for (const id of [undefined, '', 'x'.repeat(129), 'a b', 'a\nb', 'a"b', '<a>', '$' + '{a}', 'é', 'a\0', 'a,b']) {
      assert.notEqual(acceptRequestId(id), id);
    }
  });

  it('whatever is offered, are harmless', () => {
    fc.assert(
      fc.property(fc.string(), (offered) => {
        assert.match(acceptRequestId(offered), /^[\w.:@/+=-]{1,128}$/);
      }),
    );
  });
});
