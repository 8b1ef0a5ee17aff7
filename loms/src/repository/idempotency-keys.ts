import { createHash } from 'node:crypto';
import { type Executor, sql } from 'service-kit';
import type { IdempotencyKeys, Shortage } from '../domain/ports.ts';

interface KeyRow {
  readonly body_hash: Buffer;
  readonly order_id: bigint;
  readonly shortages: readonly { readonly sku: number; readonly requested: number; readonly available: string }[];
}

export function createIdempotencyKeys(transaction: Executor): IdempotencyKeys {
  return {
    async claim(key, body) {
      const hash = createHash('sha256').update(body).digest();
      const row = { key, body_hash: hash };
      // Where another transaction has inserted the key and is still under way, this waits for its end.
      const claim = sql.insert().into('idempotency_keys').setFieldsRows([row]).onConflict('key').returning('key');
      if ((await transaction.run('claim idempotency key', claim)).length > 0) return 'claimed';
      const find = sql
        .select()
        .from('idempotency_keys')
        .fields(['body_hash', 'order_id', 'shortages'])
        .where('key = ?', key);
      const [earlier] = await transaction.run<KeyRow>('find idempotency key', find);
      if (!earlier) throw new Error('an idempotency key vanished under its call');
      if (!earlier.body_hash.equals(hash)) return 'other body';
      return { orderID: earlier.order_id, shortages: earlier.shortages.map(toShortage) };
    },

    async settle(key, { orderID, shortages }) {
      const statement = sql
        .update()
        .table('idempotency_keys')
        .set('order_id', orderID)
        .set('shortages', JSON.stringify(shortages.map(fromShortage)))
        .where('key = ?', key);
      await transaction.run('settle idempotency key', statement);
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
