import type { Logger } from 'pino';
import {
  abortReason,
  type Limiter,
  onAbort,
  outsideCalls,
  RpcError,
  type Token,
  type TokenBucketOptions,
} from 'rpc-kit';
import type { Executor } from '../database/database.ts';
import { DatabaseUnavailable } from '../database/database-errors.ts';
import { statement } from '../database/statement.ts';

/** As for the bucket of one process; `waitersMax` counts the waiters of this process. */
export interface SharedTokenBucketOptions extends TokenBucketOptions {
  /** The database with the table `rate_limit_tokens`. */
  readonly database: Executor;
  /** Buckets with the same name share their tokens. */
  readonly name: string;
  /** Lease of a token in milliseconds: a token that is not released earlier expires then. */
  readonly leaseMs?: number;
  readonly logger?: Logger;
}

/** Longer than the longest accepted answer of the database (`QUERY_TIMEOUT_MS`) plus the longest call of a peer. */
const LEASE_MS = 5_000;
/** A token that is claimed later than this is released unused. Longer than the wait for a connection. */
const QUERY_TIMEOUT_MS = 2_000;
/** Spreads the queries of replicas that wait for the same token. */
const JITTER_MS = 10;
/** Another replica is claiming the free token right now; the next query sees the result. */
const PAUSE_MS_MIN = 5;

interface Waiter {
  readonly grant: (token: Token) => void;
  readonly reject: (error: unknown) => void;
}

/** One use of a token. `grants` counts the uses of the token, so it identifies this one. */
interface Use {
  readonly number: number;
  readonly grants: bigint;
}

interface ClaimResult {
  readonly use: Use | undefined;
  /** Number of tokens that have a row. */
  readonly known: number;
  /** Time until the next token is free. */
  readonly backInMs: number;
}

/**
 * A token bucket that all replicas share through Postgres. As with the bucket of one process (rpc-kit's `createTokenBucket`),
 * a token is unavailable during its use and for one interval after it, so the callee sees at most `tokens` calls in any
 * window of that length.
 *
 * Each token is a row with the time at which it is free. One statement claims a free row, skips rows that other replicas are
 * claiming (SKIP LOCKED), and returns when the next token is free. So no replica waits for a lock, no transaction or
 * connection is held during the use, and only the database's clock counts.
 *
 * A process has one query in flight for its whole queue and pauses until the returned time, at most one interval. Among
 * replicas, the first query wins; within a replica, the queue is first in, first out.
 *
 * A claim sets the end of its lease, so a token is freed even if its holder dies or the release fails, and the release is
 * not awaited. Without the database, `take` rejects.
 */
export function createSharedTokenBucket(options: SharedTokenBucketOptions): Limiter {
  const { database, name, tokens, intervalMs, waitersMax, leaseMs = LEASE_MS, logger } = options;
  const waiters = new Set<Waiter>();
  let serving = false;

  async function serve(): Promise<void> {
    if (serving) return;
    serving = true;
    try {
      while (waiters.size > 0) {
        const { use, known, backInMs } = await claim();
        if (use) grant(use);
        else if (known < tokens) await database.run('make tokens', insertTokens(name, tokens));
        else await pause(Math.max(PAUSE_MS_MIN, backInMs) + Math.random() * JITTER_MS);
      }
    } catch (error) {
      // All waiters fail together; otherwise each would wait for its own timeout of the database.
      for (const { reject } of waiters) reject(error);
    } finally {
      serving = false;
    }
  }

  async function claim(): Promise<ClaimResult> {
    const claimed = database
      .run<ClaimRow>('take token', claimToken(name, tokens, leaseMs + intervalMs))
      .then(toClaimResult);
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new DatabaseUnavailable('The database is slow to answer')),
      QUERY_TIMEOUT_MS,
    );
    timer.unref();
    try {
      return await Promise.race([claimed, late.promise]);
    } catch (error) {
      claimed.then(({ use }) => use && release(use, 0)).catch(() => {});
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** A token in use becomes free after an interval at the earliest, so a pause is never longer, even if leases are. */
  function toClaimResult([row]: ClaimRow[]): ClaimResult {
    const { number, grants, known, back_in_ms } = row as ClaimRow;
    const use = number === null || grants === null ? undefined : { number, grants };
    return { use, known, backInMs: Math.min(Math.ceil(back_in_ms ?? 0), intervalMs) };
  }

  function grant(use: Use): void {
    const [first] = waiters;
    // All waiters left during the query, so the token is unused and free at once.
    if (!first) {
      release(use, 0);
      return;
    }
    let used = false;
    first.grant({
      [Symbol.dispose]() {
        if (used) return;
        used = true;
        release(use, intervalMs);
      },
    });
  }

  function release(use: Use, unavailableMs: number): void {
    database.run('give token back', releaseToken(name, use, unavailableMs)).catch((error: unknown) => {
      logger?.warn(
        { err: error, limit: name, token: use.number },
        'a token could not be released; its lease will expire',
      );
    });
  }

  return {
    async take(signal) {
      if (signal?.aborted) throw abortReason(signal);
      if (waiters.size >= waitersMax) {
        throw new RpcError('resource_exhausted', 'Too many calls wait for their turn', { retryAfterMs: intervalMs });
      }
      const { promise, resolve, reject } = Promise.withResolvers<Token>();
      const settled = (): void => {
        waiters.delete(waiter);
        unfollow?.();
      };
      const waiter: Waiter = {
        grant(token) {
          settled();
          resolve(token);
        },
        reject(error) {
          settled();
          reject(error);
        },
      };
      waiters.add(waiter);
      const unfollow = signal && onAbort(signal, () => waiter.reject(abortReason(signal)));
      // The loop serves all waiters, so it runs in the log scope of none.
      outsideCalls(() => void serve());
      return promise;
    },
    get waiting() {
      return waiters.size;
    },
  };
}

/** The timer does not keep the process alive. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}

interface ClaimRow {
  readonly number: number | null;
  readonly grants: bigint | null;
  readonly known: number;
  readonly back_in_ms: number | null;
}

/**
 * Claims the token that has been free for longest, if any, and returns when the next one is free: always one row.
 * clock_timestamp(), because now() is the start of the statement, before any wait. Postgres rechecks the conditions of a row
 * after locking it, so no token is claimed twice.
 */
const claimToken = (name: string, tokens: number, unavailableMs: number) => statement`
  WITH free AS (
    SELECT number FROM rate_limit_tokens
    WHERE name = ${name} AND number <= ${tokens} AND back_at <= clock_timestamp()
    ORDER BY back_at LIMIT 1 FOR UPDATE SKIP LOCKED
  ), taken AS (
    UPDATE rate_limit_tokens
    SET back_at = clock_timestamp() + ${unavailableMs} * interval '1 millisecond', grants = grants + 1
    WHERE name = ${name} AND number = (SELECT number FROM free)
    RETURNING number, grants
  )
  SELECT * FROM (
    SELECT count(*)::integer AS known,
      (extract(epoch FROM min(back_at) - clock_timestamp()) * 1000)::double precision AS back_in_ms
    FROM rate_limit_tokens WHERE name = ${name} AND number <= ${tokens}
  ) tokens LEFT JOIN taken ON true`;

const releaseToken = (name: string, { number, grants }: Use, unavailableMs: number) => statement`
  UPDATE rate_limit_tokens SET back_at = clock_timestamp() + ${unavailableMs} * interval '1 millisecond'
  WHERE name = ${name} AND number = ${number} AND grants = ${grants}`;

const insertTokens = (name: string, tokens: number) => statement`
  INSERT INTO rate_limit_tokens (name, number) SELECT ${name}, generate_series(1, ${tokens}) ON CONFLICT DO NOTHING`;
