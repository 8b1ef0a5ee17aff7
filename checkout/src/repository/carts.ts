import { type Database, type Executor, statement } from 'service-kit';
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
  async function lockExisting(user: bigint): Promise<boolean> {
    const lock = statement`SELECT user_id FROM carts WHERE user_id = ${user} FOR UPDATE`;
    return (await transaction.run('lock cart', lock)).length > 0;
  }

  async function removeFree(user: bigint, { sku, count }: CartLine): Promise<number> {
    const find = statement`SELECT count FROM cart_lines WHERE user_id = ${user} AND sku = ${sku}`;
    const [row] = await transaction.run<{ count: number }>('find cart line', find);
    if (!row) return 0;
    const left = row.count - count;
    const shrink =
      left > 0
        ? statement`UPDATE cart_lines SET count = ${left} WHERE user_id = ${user} AND sku = ${sku}`
        : statement`DELETE FROM cart_lines WHERE user_id = ${user} AND sku = ${sku}`;
    await transaction.run('shrink cart line', shrink);
    return Math.min(row.count, count);
  }

  return {
    async lines(user) {
      return (await transaction.run<LineRow>(LIST, listLines(user))).map(toLine);
    },

    async lock(user) {
      if (await lockExisting(user)) return;
      const create = statement`INSERT INTO carts (user_id) VALUES (${user}) ON CONFLICT (user_id) DO NOTHING RETURNING user_id`;
      const isCreated = (await transaction.run('create cart', create)).length > 0;
      // A concurrent call created the row first, so it still has to be locked.
      if (!isCreated) await lockExisting(user);
    },

    async add(user, { sku, count }) {
      const add = statement`
        INSERT INTO cart_lines (user_id, sku, count) VALUES (${user}, ${sku}, ${count})
        ON CONFLICT (user_id, sku) DO UPDATE SET count = cart_lines.count + excluded.count`;
      await transaction.run('add cart line', add);
    },

    async remove(user, line) {
      const missing = line.count - (await removeFree(user, line));
      if (missing === 0) return;
      const remove = statement`
        UPDATE purchase_items SET deleted = LEAST(count, deleted + ${missing})
        WHERE sku = ${line.sku}
          AND purchase_id IN (SELECT purchase_id FROM purchases WHERE user_id = ${user} AND state = 'pending')`;
      await transaction.run('delete held goods', remove);
    },
  };
}

/** The lines of the cart and the goods of the user's pending purchase, by sku. */
const listLines = (user: bigint) => statement`
  SELECT sku, sum(count) AS count
  FROM (
    SELECT sku, count FROM cart_lines WHERE user_id = ${user}
    UNION ALL
    SELECT sku, count - deleted FROM purchase_items JOIN purchases USING (purchase_id)
    WHERE user_id = ${user} AND state = 'pending'
  ) line
  GROUP BY sku HAVING sum(count) > 0 ORDER BY sku`;

function toLine(row: LineRow): CartLine {
  return { sku: Number(row.sku), count: Number(row.count) };
}
