import { createHash } from 'node:crypto';
import { type Executor, statement } from 'service-kit';
import type { ClaimAnswer, IdempotencyKey, IdempotencyKeys } from '../domain/ports.ts';
import { type StoredShortage, toShortage } from './shortages.ts';

interface KeyRow {
  readonly key: string;
  readonly user_id: bigint;
  readonly caller: string;
}

interface EarlierRow extends KeyRow {
  readonly body_hash: Buffer;
  readonly order_id: bigint;
  readonly shortages: readonly StoredShortage[];
}

/** The caller of rows from before callers were stored; no caller has this name. */
const ANY_CALLER = '*';

export function createIdempotencyKeys(transaction: Executor): IdempotencyKeys {
  /**
   * Waits for the end of other transactions that have inserted one of the keys; in ascending order, so that two transactions
   * never wait for each other. Rows of any caller are only those of the migration, so none can appear meanwhile.
   */
  async function insert(keys: readonly IdempotencyKey[], hashes: readonly Buffer[]): Promise<Set<string>> {
    const { texts, users, callers } = columnsOf(keys);
    const claim = statement`
      INSERT INTO idempotency_keys (key, user_id, caller, body_hash)
      SELECT claim.* FROM unnest(${texts}::text[], ${users}::bigint[], ${callers}::text[], ${hashes}::bytea[])
        AS claim (key, user_id, caller, body_hash)
      WHERE NOT EXISTS (
        SELECT FROM idempotency_keys earlier
        WHERE earlier.key = claim.key AND earlier.user_id = claim.user_id AND earlier.caller = ${ANY_CALLER}
      )
      ORDER BY key, user_id, caller
      ON CONFLICT (key, user_id, caller) DO NOTHING RETURNING key, user_id, caller`;
    return new Set((await transaction.run<KeyRow>('claim idempotency keys', claim)).map(nameOfRow));
  }

  /** The earlier call of each key. */
  async function find(keys: readonly IdempotencyKey[]): Promise<Map<string, EarlierRow>> {
    const { texts, users, callers } = columnsOf(keys);
    const find = statement`
      SELECT sent.key, sent.user_id, sent.caller, body_hash, order_id, shortages
      FROM unnest(${texts}::text[], ${users}::bigint[], ${callers}::text[]) AS sent (key, user_id, caller)
      JOIN idempotency_keys earlier ON earlier.key = sent.key AND earlier.user_id = sent.user_id
        AND earlier.caller IN (sent.caller, ${ANY_CALLER})`;
    const rows = await transaction.run<EarlierRow>('find idempotency keys', find);
    return new Map(rows.map((row) => [nameOfRow(row), row]));
  }

  return {
    async claim(claims) {
      const keys = claims.map(({ key }) => key);
      const hashes = claims.map(({ body }) => createHash('sha256').update(body).digest());
      const claimed = await insert(keys, hashes);
      const refused = keys.filter((key) => !claimed.has(nameOf(key)));
      const earlier = refused.length > 0 ? await find(refused) : new Map<string, EarlierRow>();
      return claims.map(({ key }, index): ClaimAnswer => {
        if (claimed.has(nameOf(key))) return 'claimed';
        const row = earlier.get(nameOf(key));
        if (!row) throw new Error('an idempotency key vanished under its call');
        if (!row.body_hash.equals(hashes[index] as Buffer)) return 'other body';
        return { orderID: row.order_id, shortages: row.shortages.map(toShortage) };
      });
    },

    async release(keys) {
      const { texts, users, callers } = columnsOf(keys);
      const release = statement`
        DELETE FROM idempotency_keys
        USING unnest(${texts}::text[], ${users}::bigint[], ${callers}::text[]) AS released (key, user_id, caller)
        WHERE idempotency_keys.key = released.key AND idempotency_keys.user_id = released.user_id
          AND idempotency_keys.caller = released.caller`;
      await transaction.run('release idempotency keys', release);
    },
  };
}

function columnsOf(keys: readonly IdempotencyKey[]) {
  return {
    texts: keys.map(({ text }) => text),
    users: keys.map(({ user }) => user),
    callers: keys.map(({ caller }) => caller),
  };
}

/** A key as one text. Neither a number nor the name of a service contains a space. */
function nameOf({ text, user, caller }: IdempotencyKey): string {
  return `${user} ${caller} ${text}`;
}

function nameOfRow({ key, user_id, caller }: KeyRow): string {
  return nameOf({ text: key, user: user_id, caller });
}
