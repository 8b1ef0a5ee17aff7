import { type Database, type Executor, fixedStatement, sql } from 'service-kit';
import type { CartLine, CartReader, Carts } from '../domain/ports.ts';

interface LineRow {
  readonly sku: bigint;
  readonly count: bigint;
}

const LIST = 'list cart lines';

export function createCartReader(database: Database): CartReader {
  return {
    async lines(user, { signal }) {
      return (await database.run<LineRow>(LIST, listLines({ user }), { signal })).map(toLine);
    },
  };
}

export function createCarts(transaction: Executor): Carts {
  async function removeFree(user: bigint, { sku, count }: CartLine): Promise<number> {
    const [row] = await transaction.run<{ count: number }>('find cart line', findLine({ user, sku }));
    if (!row) return 0;
    const rest = row.count - count;
    const statement = rest > 0 ? setCount({ user, sku, count: rest }) : deleteLine({ user, sku });
    await transaction.run('shrink cart line', statement);
    return Math.min(row.count, count);
  }

  return {
    async lines(user) {
      return (await transaction.run<LineRow>(LIST, listLines({ user }))).map(toLine);
    },

    async lock(user) {
      if ((await transaction.run('lock cart', lockCart({ user }))).length > 0) return;
      const isCreated = (await transaction.run('create cart', createCart({ user }))).length > 0;
      // Where another call has just created it, its row has to be locked after all.
      if (!isCreated) await transaction.run('lock cart', lockCart({ user }));
    },

    async add(user, { sku, count }) {
      await transaction.run('add cart line', addLine({ user, sku, count }));
    },

    async remove(user, line) {
      const missing = line.count - (await removeFree(user, line));
      if (missing > 0) await transaction.run('delete held goods', deleteHeld({ user, sku: line.sku, missing }));
    },
  };
}

interface User {
  readonly user: bigint;
}

interface Place extends User {
  readonly sku: number;
}

const lockCart = fixedStatement<User>(({ user }) =>
  sql.select().from('carts').field('user_id').where('user_id = ?', user).for('UPDATE'),
);

const createCart = fixedStatement<User>(({ user }) =>
  sql
    .insert()
    .into('carts')
    .setFieldsRows([{ user_id: user }])
    .onConflict('user_id')
    .returning('user_id'),
);

const findLine = fixedStatement<Place>(({ user, sku }) =>
  sql.select().from('cart_lines').field('count').where('user_id = ?', user).where('sku = ?', sku),
);

const setCount = fixedStatement<Place & { count: number }>(({ user, sku, count }) =>
  sql.update().table('cart_lines').set('count', count).where('user_id = ?', user).where('sku = ?', sku),
);

const deleteLine = fixedStatement<Place>(({ user, sku }) =>
  sql.delete().from('cart_lines').where('user_id = ?', user).where('sku = ?', sku),
);

const addLine = fixedStatement<Place & { count: number }>(({ user, sku, count }) =>
  sql
    .insert()
    .into('cart_lines')
    .set('user_id', user)
    .set('sku', sku)
    .set('count', count)
    .onConflict(['user_id', 'sku'], { count: sql.str('cart_lines.count + excluded.count') }),
);

const deleteHeld = fixedStatement<Place & { missing: number }>(({ user, sku, missing }) =>
  sql
    .update()
    .table('purchase_items')
    .set('deleted', sql.str('LEAST(count, deleted + ?)', missing))
    .where('sku = ?', sku)
    .where('purchase_id IN ?', heldBy(user).field('purchases.purchase_id')),
);

const listLines = fixedStatement<User>(({ user }) => {
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
});

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
