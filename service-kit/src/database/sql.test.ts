import assert from 'node:assert/strict';
import { fixedStatement, shapedStatement, sql } from './sql.ts';

describe('the SQL builder', () => {
  it('keeps statements apart that are built at the same time', () => {
    const first = sql.select().from('orders');
    const second = sql.select().from('stocks');
    first.field('order_id').where('user_id = ?', 1n);
    second.field('sku').where('warehouse_id = ?', 2n);
    assert.deepEqual(first.toParam(), { text: 'SELECT order_id FROM orders WHERE (user_id = $1)', values: ['1'] });
    assert.deepEqual(second.toParam(), { text: 'SELECT sku FROM stocks WHERE (warehouse_id = $1)', values: ['2'] });
  });

  it('gives each kind of statement its own methods', () => {
    assert.deepEqual(
      [sql.select(), sql.insert(), sql.update(), sql.delete()].map((statement) => 'returning' in statement),
      [false, true, true, true],
    );
    assert.deepEqual(
      [sql.select(), sql.insert(), sql.update(), sql.delete()].map((statement) => 'onConflict' in statement),
      [false, true, false, false],
    );
  });

  it('numbers the parameters of nested statements through', () => {
    const held = sql.select().from('reservations').field('sku').where('order_id = ?', 7n);
    const statement = sql.update().with('held', held).table('stocks').set('sold', 1).where('sku = ?', 2);
    assert.deepEqual(statement.toParam(), {
      text: 'WITH held AS (SELECT sku FROM reservations WHERE (order_id = $1)) UPDATE stocks SET sold = $2 WHERE (sku = $3)',
      values: ['7', 1, 2],
    });
  });
});

describe('a statement of a fixed shape', () => {
  it('is built once, and filled in with the values of each use', () => {
    let builds = 0;
    const move = fixedStatement<{ orderID: bigint; to: string; skus: readonly number[] }>(({ orderID, to, skus }) => {
      builds += 1;
      return sql
        .update()
        .table('orders')
        .set('status', to)
        .set('seq', sql.str('seq + ?', 1))
        .where('order_id = ?', orderID)
        .where('sku = ANY(?::bigint[])', skus);
    });
    const text = 'UPDATE orders SET status = $1, seq = (seq + $2) WHERE (order_id = $3) AND (sku = ANY($4::bigint[]))';
    assert.deepEqual(move({ orderID: 7n, to: 'payed', skus: [1, 2] }).toParam(), {
      text,
      values: ['payed', 1, 7n, [1, 2]],
    });
    assert.deepEqual(move({ orderID: 8n, to: 'failed', skus: [] }).toParam(), { text, values: ['failed', 1, 8n, []] });
    assert.equal(builds, 1);
  });

  it('keeps null apart from a value that was forgotten', () => {
    const find = fixedStatement<{ user: bigint | null }>(({ user }) =>
      sql.select().from('orders').where('user = ?', user),
    );
    assert.deepEqual(find({ user: null }).toParam().values, [null]);
    assert.throws(() => find({} as never).toParam(), { message: 'The value user of a statement was not given' });
  });

  it('may have several shapes, each of which is built once', () => {
    let builds = 0;
    const oldest = shapedStatement<number, { user: bigint }>((count, { user }) => {
      builds += 1;
      return sql.select().from('orders').where('user_id = ?', user).limit(count);
    });
    const paramsOf = (count: number) => oldest(count, { user: 1n }).toParam();
    assert.deepEqual(paramsOf(5), { text: 'SELECT * FROM orders WHERE (user_id = $1) LIMIT $2', values: [1n, 5] });
    assert.deepEqual(
      [paramsOf(7).values, paramsOf(5).values],
      [
        [1n, 7],
        [1n, 5],
      ],
    );
    assert.equal(builds, 2);
  });
});
