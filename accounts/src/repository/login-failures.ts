import { createHmac } from 'node:crypto';
import { type Database, type Executor, statement } from 'service-kit';
import type { LoginFailures } from '../domain/ports.ts';

interface FailuresRow {
  readonly key_hash: Buffer;
  readonly count: number;
  readonly wait_ms: number;
}

/** @param secret hashes the keys: the table tells nobody who has an account */
export function createLoginFailures(transaction: Executor, secret: Buffer): LoginFailures {
  const toHash = (key: string): Buffer => createHmac('sha256', secret).update(key).digest();

  return {
    async has(key) {
      const find = statement`
        SELECT FROM login_failures WHERE key_hash = ${toHash(key)} AND forget_at > statement_timestamp()`;
      return (await transaction.run('find failures', find)).length > 0;
    },

    async lock(keys) {
      const names = new Map(keys.map((key) => [toHash(key).toString('hex'), key]));
      const hashes = [...names.keys()].map((hex) => Buffer.from(hex, 'hex'));
      // The update changes nothing but locks the row, also against its deletion. Every transaction locks in the order of the
      // hashes, so no two wait for each other in a circle.
      const lock = statement`
        INSERT INTO login_failures (key_hash, count, next_allowed_at, forget_at)
        SELECT key_hash, 0, statement_timestamp(), statement_timestamp() FROM unnest(${hashes}::bytea[]) key_hash
        ORDER BY key_hash
        ON CONFLICT (key_hash) DO UPDATE SET key_hash = excluded.key_hash
        RETURNING key_hash,
          CASE WHEN forget_at > clock_timestamp() THEN count ELSE 0 END AS count,
          greatest(0, extract(epoch FROM next_allowed_at - clock_timestamp()) * 1000)::float8 AS wait_ms`;
      const rows = await transaction.run<FailuresRow>('lock failures', lock);
      return rows.map((row) => ({
        key: names.get(row.key_hash.toString('hex')) ?? '',
        count: row.count,
        waitMs: Math.ceil(row.wait_ms),
      }));
    },

    async save(attempts, keptMs) {
      const hashes = attempts.map(({ key }) => toHash(key));
      const counts = attempts.map(({ count }) => count);
      const delays = attempts.map(({ delayMs }) => delayMs);
      const save = statement`
        INSERT INTO login_failures (key_hash, count, next_allowed_at, forget_at)
        SELECT key_hash, count, statement_timestamp() + delay_ms * interval '1 millisecond',
          statement_timestamp() + ${keptMs}::float8 * interval '1 millisecond'
        FROM unnest(${hashes}::bytea[], ${counts}::integer[], ${delays}::float8[]) attempt (key_hash, count, delay_ms)
        ORDER BY key_hash
        ON CONFLICT (key_hash) DO UPDATE SET count = excluded.count, next_allowed_at = excluded.next_allowed_at,
          forget_at = CASE WHEN login_failures.forget_at > statement_timestamp() THEN login_failures.forget_at ELSE excluded.forget_at END`;
      await transaction.run('save failures', save);
    },

    async mark(key, keptMs) {
      const mark = statement`
        INSERT INTO login_failures (key_hash, count, next_allowed_at, forget_at)
        VALUES (${toHash(key)}, 0, statement_timestamp(), statement_timestamp() + ${keptMs}::float8 * interval '1 millisecond')
        ON CONFLICT (key_hash) DO UPDATE SET forget_at = excluded.forget_at`;
      await transaction.run('mark key', mark);
    },

    async remove(keys) {
      const remove = statement`DELETE FROM login_failures WHERE key_hash = ANY (${keys.map(toHash)}::bytea[])`;
      await transaction.run('remove failures', remove);
    },
  };
}

/** Old rows are deleted in steps of this many, so that no transaction is long. */
const BATCH_MAX = 1_000;

/** @returns whether there may be more of them */
export async function forgetFailures(database: Database, signal: AbortSignal): Promise<boolean> {
  // A locked row is being counted again.
  const forget = statement`
    DELETE FROM login_failures WHERE key_hash IN (
      SELECT key_hash FROM login_failures WHERE forget_at <= statement_timestamp()
      ORDER BY forget_at LIMIT ${BATCH_MAX} FOR UPDATE SKIP LOCKED
    )
    RETURNING key_hash`;
  return (await database.run('forget failures', forget, { signal })).length === BATCH_MAX;
}
