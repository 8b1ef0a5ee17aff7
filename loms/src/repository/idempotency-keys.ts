import { createHash } from 'node:crypto';
import { type Executor, fixedStatement, sql } from 'service-kit';
import type { IdempotencyKeys, Shortage } from '../domain/ports.ts';

interface KeyRow {
  readonly body_hash: Buffer;
  readonly order_id: bigint;
  readonly shortages: readonly { readonly sku: number; readonly requested: number; readonly available: string }[];
}

/** Where another transaction has inserted the key and is still under way, this waits for its end. */
const claimKey = fixedStatement<{ key: string; hash: Buffer }>(({ key, hash }) =>
  sql
    .insert()
    .into('idempotency_keys')
    .setFieldsRows([{ key, body_hash: hash }])
    .onConflict('key')
    .returning('key'),
);

const findKey = fixedStatement<{ key: string }>(({ key }) =>
  sql.select().from('idempotency_keys').fields(['body_hash', 'order_id', 'shortages']).where('key = ?', key),
);

const settleKey = fixedStatement<{ key: string; orderID: bigint; shortages: string }>(({ key, orderID, shortages }) =>
  sql.update().table('idempotency_keys').set('order_id', orderID).set('shortages', shortages).where('key = ?', key),
);

export function createIdempotencyKeys(transaction: Executor): IdempotencyKeys {
  return {
    async claim(key, body) {
      const hash = createHash('sha256').update(body).digest();
      if ((await transaction.run('claim idempotency key', claimKey({ key, hash }))).length > 0) return 'claimed';
      const [earlier] = await transaction.run<KeyRow>('find idempotency key', findKey({ key }));
      if (!earlier) throw new Error('an idempotency key vanished under its call');
      if (!earlier.body_hash.equals(hash)) return 'other body';
      return { orderID: earlier.order_id, shortages: earlier.shortages.map(toShortage) };
    },

    async settle(key, { orderID, shortages }) {
      const text = JSON.stringify(shortages.map(fromShortage));
      await transaction.run('settle idempotency key', settleKey({ key, orderID, shortages: text }));
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
