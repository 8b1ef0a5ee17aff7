import { type Database, type Executor, type Statement, sql } from 'service-kit';
import type { CartLine, CartReader, Carts } from '../domain/ports.ts';

interface LineRow {
  readonly sku: bigint;
  readonly count: bigint;
}

const LIST = 'list cart lines';

export function createCartReader(database: Database): CartReader {
  return {
    async lines(user, { signal }) {
      return (await database.run<LineRow>(LIST, listLines(user), { signal })).map(toLine);
    },
  };
}

export function createCarts(transaction: Executor): Carts {
  async function removeFree(user: bigint, { sku, count }: CartLine): Promise<number> {
    const [row] = await transaction.run<{ count: number }>(
      'find cart line',
      sql.select().from('cart_lines').field('count').where('user_id = ?', user).where('sku = ?', sku),
    );
    if (!row) return 0;
    const shrunk = sql
      .update()
      .table('cart_lines')
      .set('count', row.count - count);
    const statement = row.count > count ? shrunk : sql.delete().from('cart_lines');
    await transaction.run('shrink cart line', statement.where('user_id = ?', user).where('sku = ?', sku));
    return Math.min(row.count, count);
  }

  return {
    async lines(user) {
      return (await transaction.run<LineRow>(LIST, listLines(user))).map(toLine);
    },

    async lock(user) {
      const lock = sql.select().from('carts').field('user_id').where('user_id = ?', user).for('UPDATE');
      if ((await transaction.run('lock cart', lock)).length > 0) return;
      const create = sql
        .insert()
        .into('carts')
        .setFieldsRows([{ user_id: user }])
        .onConflict('user_id')
        .returning('user_id');
      // Where another call has just created it, its row has to be locked after all.
      if ((await transaction.run('create cart', create)).length === 0) await transaction.run('lock cart', lock);
    },

    async add(user, { sku, count }) {
      const line = sql.insert().into('cart_lines').set('user_id', user).set('sku', sku).set('count', count);
      const sum = { count: sql.str('cart_lines.count + excluded.count') };
      await transaction.run('add cart line', line.onConflict(['user_id', 'sku'], sum));
    },

    async remove(user, line) {
      const missing = line.count - (await removeFree(user, line));
      if (missing === 0) return;
      const pending = heldBy(user).field('purchases.purchase_id');
      const statement = sql
        .update()
        .table('purchase_items')
        .set('deleted', sql.str('LEAST(count, deleted + ?)', missing))
        .where('sku = ?', line.sku)
        .where('purchase_id IN ?', pending);
      await transaction.run('delete held goods', statement);
    },
  };
}

function listLines(user: bigint): Statement {
  const free = sql.select().from('cart_lines').fields(['sku', 'count']).where('user_id = ?', user);
  const held = heldBy(user).field('sku').field('count - deleted', 'count');
  return sql
    .select()
    .from(free.union_all(held), 'line')
    .field('sku')
    .field('sum(count)', 'count')
    .group('sku')
    .having('sum(count) > 0')
    .order('sku');
}

/** The goods of the user's unfinished purchase. */
function heldBy(user: bigint) {
  return sql
    .select()
    .from('purchase_items')
    .join('purchases', null, 'purchases.purchase_id = purchase_items.purchase_id')
    .where('user_id = ?', user)
    .where('state = ?', 'pending');
}

function toLine(row: LineRow): CartLine {
  return { sku: Number(row.sku), count: Number(row.count) };
}
