import assert from 'node:assert/strict';
import { parseMethodLimits } from './method-limit.ts';

describe('The text of METHOD_LIMITS', () => {
  it('is read as limits by the second and by the minute', () => {
    assert.deepEqual(parseMethodLimits('listOrders:100/s, get_product:1/min'), [
      { method: 'listOrders', tokens: 100, intervalMs: 1_000 },
      { method: 'get_product', tokens: 1, intervalMs: 60_000 },
    ]);
  });

  const form =
    /^it is ".*", but has to be method:calls\/s or method:calls\/min, with calls from 1 to 1000000, separated by commas$/;
  for (const text of [
    '',
    'a',
    'a:1',
    'a:0/s',
    'a:1000001/s',
    'a:1/h',
    'a:-1/s',
    'a:1.5/s',
    ':1/s',
    'a:1/s,',
    '*:1/s',
  ]) {
    it(`"${text}" is refused in a sentence`, () => {
      assert.throws(() => parseMethodLimits(text), { name: 'TypeError', message: form });
    });
  }

  it('is refused with two limits of one method', () => {
    assert.throws(() => parseMethodLimits('a:1/s,b:1/s,a:5/min'), { message: 'it has two limits of a' });
  });
});
