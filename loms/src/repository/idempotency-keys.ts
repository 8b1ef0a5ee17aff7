import { createHash } from 'node:crypto';
import { type Executor, fixedStatement, sql } from 'service-kit';
import type { IdempotencyKey, IdempotencyKeys, Shortage } from '../domain/ports.ts';

interface KeyRow {
  readonly body_hash: Buffer;
  readonly order_id: bigint;
  readonly shortages: readonly { readonly sku: number; readonly requested: number; readonly available: string }[];
}

/** What stands in place of the caller in rows from before callers were stored; no caller has this name. */
const ANY_CALLER = '*';

/**
 * Where another transaction has inserted the key and is still under way, this waits for its end. Rows of any caller are only
 * those of the migration, so none can appear meanwhile.
 */
const claimKey = fixedStatement<IdempotencyKey & { hash: Buffer }>(({ text, caller, user, hash }) => {
  const ofAnyCaller = sql.select().from('idempotency_keys').field('1').where('caller = ?', ANY_CALLER);
  ofAnyCaller.where('key = ?', text).where('user_id = ?', user);
  const row = sql.select().where('NOT EXISTS ?', ofAnyCaller);
  row.field(sql.str('?::text', text)).field(sql.str('?::text', caller)).field(sql.str('?::bigint', user));
  row.field(sql.str('?::bytea', hash));
  return sql
    .insert()
    .into('idempotency_keys')
    .fromQuery(['key', 'caller', 'user_id', 'body_hash'], row)
    .onConflict(['key', 'user_id', 'caller'])
    .returning('key');
});

const findKey = fixedStatement<IdempotencyKey>(({ text, caller, user }) =>
  sql
    .select()
    .from('idempotency_keys')
    .fields(['body_hash', 'order_id', 'shortages'])
    .where('key = ?', text)
    .where('user_id = ?', user)
    .where('caller IN (?, ?)', caller, ANY_CALLER),
);

const settleKey = fixedStatement<IdempotencyKey & { orderID: bigint; shortages: string }>((settled) =>
  sql
    .update()
    .table('idempotency_keys')
    .set('order_id', settled.orderID)
    .set('shortages', settled.shortages)
    .where('key = ?', settled.text)
    .where('user_id = ?', settled.user)
    .where('caller = ?', settled.caller),
);

export function createIdempotencyKeys(transaction: Executor): IdempotencyKeys {
  return {
    async claim(key, body) {
      const hash = createHash('sha256').update(body).digest();
      if ((await transaction.run('claim idempotency key', claimKey({ ...key, hash }))).length > 0) return 'claimed';
      const [earlier] = await transaction.run<KeyRow>('find idempotency key', findKey(key));
      if (!earlier) throw new Error('an idempotency key vanished under its call');
      if (!earlier.body_hash.equals(hash)) return 'other body';
      return { orderID: earlier.order_id, shortages: earlier.shortages.map(toShortage) };
    },

    async settle(key, { orderID, shortages }) {
      const text = JSON.stringify(shortages.map(fromShortage));
      await transaction.run('settle idempotency key', settleKey({ ...key, orderID, shortages: text }));
    },
  };
}

/** JSON numbers lose what goes beyond 2^53, so the count is kept as text. */
function fromShortage({ available, ...rest }: Shortage) {
  return { ...rest, available: available.toString() };
}

function toShortage({ available, ...rest }: KeyRow['shortages'][number]): Shortage {
  return { ...rest, available: BigInt(available) };
}
