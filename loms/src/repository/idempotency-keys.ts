import { createHash } from 'node:crypto';
import { type Executor, preparedStatement } from 'service-kit';
import type { EarlierAnswer, IdempotencyKey, IdempotencyKeys } from '../domain/ports.ts';
import { type StoredShortage, toShortage } from './shortages.ts';

interface EarlierRow {
  readonly key: string;
  readonly user_id: bigint;
  readonly caller: string;
  readonly body_hash: Buffer;
  readonly order_id: bigint;
  readonly shortages: readonly StoredShortage[];
}

/** The caller of rows from before callers were stored; no caller has this name. */
const ANY_CALLER = '*';

export function createIdempotencyKeys(transaction: Executor): IdempotencyKeys {
  return {
    async find(claims) {
      const keys = claims.map(({ key }) => key);
      const find = preparedStatement`
        SELECT sent.key, sent.user_id, sent.caller, body_hash, order_id, shortages
        FROM unnest(
          ${keys.map(({ text }) => text)}::text[], ${keys.map(({ user }) => user)}::bigint[], ${keys.map(({ caller }) => caller)}::text[]
        ) AS sent (key, user_id, caller)
        JOIN idempotency_keys earlier ON earlier.key = sent.key AND earlier.user_id = sent.user_id
          AND earlier.caller IN (sent.caller, ${ANY_CALLER})`;
      const rows = await transaction.run<EarlierRow>('find idempotency keys', find);
      if (rows.length === 0) return claims.map(() => undefined);
      const earlier = new Map(rows.map((row) => [nameOf({ ...row, text: row.key, user: row.user_id }), row]));
      return claims.map(({ key, body }): EarlierAnswer | undefined => {
        const row = earlier.get(nameOf(key));
        if (!row) return undefined;
        if (!row.body_hash.equals(hashOf(body))) return 'other body';
        return { orderID: row.order_id, shortages: row.shortages.map(toShortage) };
      });
    },
  };
}

/** Of a body, as it is stored. */
export function hashOf(body: string): Buffer {
  return createHash('sha256').update(body).digest();
}

/** A key as one text. Neither a number nor the name of a service contains a space. */
function nameOf({ text, user, caller }: IdempotencyKey): string {
  return `${user} ${caller} ${text}`;
}
