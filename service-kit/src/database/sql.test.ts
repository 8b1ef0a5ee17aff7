import assert from 'node:assert/strict';
import { sql } from './sql.ts';

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
