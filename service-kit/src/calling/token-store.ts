import type { TokenStore } from 'rpc-kit';
import type { Database } from '../database/database.ts';
import { statement } from '../database/statement.ts';

/** 49 days; it fits into an uint32 of a contract. */
const RETRY_AFTER_MS_MAX = 4_294_967_295;
/** One token in 31 years: a slower bucket counts as this one, so that its times stay within those of Postgres. */
const PER_SECOND_MIN = 1e-9;
const FULL_AFTER_SECONDS_MAX = 1e9;
const BATCH_MAX = 1_000;

interface LeaseRow {
  readonly granted: number;
  readonly tokens: number;
}

/**
 * Keeps the tokens of limits that replicas share in Postgres, in the table `token_buckets` (README), by the database's clock.
 * `forgetFullBuckets` keeps the table small.
 */
export function createTokenStore(database: Pick<Database, 'run'>): TokenStore {
  return {
    async lease({ bucket, wanted, capacity, perSecond }, { signal }) {
      // Leases of one bucket wait for its row. A clock that is read before the wait, or that was set back, refills nothing
      // twice: a bucket's time only moves on.
      const lease = statement`
        WITH asked AS (
          SELECT ${bucket}::text AS bucket, ${wanted}::float8 AS wanted, ${capacity}::float8 AS capacity,
            ${Math.max(perSecond, PER_SECOND_MIN)}::float8 AS per_second, clock_timestamp() AS now
        )
        INSERT INTO token_buckets AS old (bucket, tokens, refilled_at, granted, full_at)
        SELECT bucket, capacity - least(wanted, capacity), now, least(wanted, capacity),
          now + least(least(wanted, capacity) / per_second, ${FULL_AFTER_SECONDS_MAX}) * interval '1 second'
        FROM asked
        ON CONFLICT (bucket) DO UPDATE SET (tokens, refilled_at, granted, full_at) = (
          SELECT filled - granted, at, granted,
            at + least((capacity - filled + granted) / per_second, ${FULL_AFTER_SECONDS_MAX}) * interval '1 second'
          FROM asked,
            greatest(old.refilled_at, now) at,
            least(capacity, old.tokens + per_second * extract(epoch FROM at - old.refilled_at)::float8) filled,
            floor(least(wanted, filled)) granted
        )
        RETURNING granted, tokens`;
      const [row] = await database.run<LeaseRow>('lease tokens', lease, { signal });
      const { granted = 0, tokens = 0 } = row ?? {};
      const retryAfterMs = granted > 0 ? 0 : Math.ceil((1_000 * (1 - tokens)) / perSecond);
      return { granted, retryAfterMs: Math.min(retryAfterMs, RETRY_AFTER_MS_MAX) };
    },
  };
}

/** Deletes buckets that are full, up to a thousand of them. @returns whether there may be more */
export async function forgetFullBuckets(database: Pick<Database, 'run'>, signal?: AbortSignal): Promise<boolean> {
  const forget = statement`
    DELETE FROM token_buckets WHERE bucket IN (
      SELECT bucket FROM token_buckets WHERE full_at < statement_timestamp()
      ORDER BY full_at LIMIT ${BATCH_MAX} FOR UPDATE SKIP LOCKED
    )
    RETURNING bucket`;
  return (await database.run('forget full buckets', forget, { signal })).length === BATCH_MAX;
}
