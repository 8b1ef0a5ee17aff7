import { createHash } from 'node:crypto';
import { type Executor, statement } from 'service-kit';
import type { IdempotencyKey, IdempotencyKeys, Shortage } from '../domain/ports.ts';

interface KeyRow {
  readonly body_hash: Buffer;
  readonly order_id: bigint;
  readonly shortages: readonly { readonly sku: number; readonly requested: number; readonly available: string }[];
}

/** The caller of rows from before callers were stored; no caller has this name. */
const ANY_CALLER = '*';

export function createIdempotencyKeys(transaction: Executor): IdempotencyKeys {
  /**
   * Waits for the end of another transaction that has inserted the key. Rows of any caller are only those of the migration,
   * so none can appear meanwhile.
   */
  async function insert({ text, caller, user }: IdempotencyKey, hash: Buffer): Promise<boolean> {
    const claim = statement`
      INSERT INTO idempotency_keys (key, caller, user_id, body_hash)
      SELECT ${text}::text, ${caller}::text, ${user}::bigint, ${hash}::bytea
      WHERE NOT EXISTS (
        SELECT FROM idempotency_keys WHERE caller = ${ANY_CALLER} AND key = ${text} AND user_id = ${user}
      )
      ON CONFLICT (key, user_id, caller) DO NOTHING RETURNING key`;
    return (await transaction.run('claim idempotency key', claim)).length > 0;
  }

  return {
    async claim(key, body) {
      const hash = createHash('sha256').update(body).digest();
      if (await insert(key, hash)) return 'claimed';
      const find = statement`
        SELECT body_hash, order_id, shortages FROM idempotency_keys
        WHERE key = ${key.text} AND user_id = ${key.user} AND caller IN (${key.caller}, ${ANY_CALLER})`;
      const [earlier] = await transaction.run<KeyRow>('find idempotency key', find);
      if (!earlier) throw new Error('an idempotency key vanished under its call');
      if (!earlier.body_hash.equals(hash)) return 'other body';
      return { orderID: earlier.order_id, shortages: earlier.shortages.map(toShortage) };
    },

    async settle({ text, caller, user }, { orderID, shortages }) {
      const json = JSON.stringify(shortages.map(fromShortage));
      const settle = statement`
        UPDATE idempotency_keys SET order_id = ${orderID}, shortages = ${json}
        WHERE key = ${text} AND user_id = ${user} AND caller = ${caller}`;
      await transaction.run('settle idempotency key', settle);
    },
  };
}

/** JSON numbers beyond 2^53 lose digits, so the count is stored as text. */
function fromShortage({ available, ...rest }: Shortage) {
  return { ...rest, available: available.toString() };
}

function toShortage({ available, ...rest }: KeyRow['shortages'][number]): Shortage {
  return { ...rest, available: BigInt(available) };
}
