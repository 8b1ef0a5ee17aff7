import assert from 'node:assert/strict';
import { statement } from './statement.ts';

describe('statement', () => {
  const find = (user: unknown, skus: readonly number[]) =>
    statement`SELECT sku FROM lines WHERE user_id = ${user} AND sku = ANY(${skus}::bigint[])`.toParam();
  const text = 'SELECT sku FROM lines WHERE user_id = $1 AND sku = ANY($2::bigint[])';

  it('has numbered parameters in place of its values, and the same text at each use', () => {
    assert.deepEqual(find(7n, [1, 2]), { text, values: [7n, [1, 2]] });
    assert.deepEqual(find(8n, []), { text, values: [8n, []] });
  });

  it('accepts null, and refuses an undefined value', () => {
    assert.deepEqual(find(null, []).values, [null, []]);
    assert.throws(() => find(undefined, []), {
      name: 'TypeError',
      message: `Value $1 is undefined; pass null for NULL: ${text}`,
    });
  });
});
