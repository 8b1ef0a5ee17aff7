import type { Logger } from 'pino';
import { abortReason, type Limiter, outsideCalls, RpcError, type Token, type TokenBucketOptions } from 'rpc-kit';
import type { Executor } from '../database/database.ts';
import { DatabaseUnavailable } from '../database/database-errors.ts';
import { statement } from '../database/statement.ts';

/** As of a bucket of one process; `waitersMax` counts those of this process. */
export interface SharedTokenBucketOptions extends TokenBucketOptions {
  /** Where the table `rate_limit_tokens` is. */
  readonly database: Executor;
  /** Who says the same name shares the tokens. */
  readonly name: string;
  /** How long a use may take, in milliseconds: a token that is not given back by then counts as used until then. */
  readonly leaseMs?: number;
  readonly logger?: Logger;
}

/** Longer than the longest answer of the database that is still taken (`ASK_MS_MAX`) and the longest call of a peer together. */
const LEASE_MS = 5_000;
/** An answer that comes later is of no use: it is given back. As long as a connection is waited for. */
const ASK_MS_MAX = 2_000;
/** Replicas that wait for the same token do not ask in the same moment. */
const JITTER_MS = 10;
/** Where the token that is free is just being taken by another replica, the next answer knows more. */
const REST_MS_MIN = 5;

interface Waiter {
  readonly grant: (token: Token) => void;
  readonly refuse: (error: unknown) => void;
}

/** A token in one use: the grants that it has seen tell the use from the ones before and after it. */
interface Use {
  readonly number: number;
  readonly grants: bigint;
}

interface Answer {
  readonly use: Use | undefined;
  /** Tokens that have a row. */
  readonly known: number;
  /** No token is back earlier. */
  readonly backInMs: number;
}

/**
 * A token bucket that all replicas share through Postgres: together they have `tokens`, and as with the bucket of one
 * process (rpc-kit's `createTokenBucket`) each is away for its use and one interval more, so whoever is called sees at
 * most `tokens` calls in any window of that length.
 *
 * Each token is a row that says when it is back. One statement takes a row that is back, passing over those that others
 * are about to take (SKIP LOCKED), and answers when the next one is back where there is none. So nobody waits for a lock,
 * no transaction is open between taking and giving back, no connection is bound (pgbouncer's transaction mode will do),
 * and the only clock that counts is the database's. A counter in one row would need no more statements, but could not
 * say whose use has ended, and all replicas would queue for that row.
 *
 * A process asks one question at a time on behalf of its queue, and rests until the time that the answer says. A token in
 * use is back an interval from now at the earliest, so that is the longest rest, and replicas that wait ask about as often
 * as tokens come back. Among replicas, who asks first is served; within one, who came first.
 *
 * Taking a token also sets when it is back should it never be given back, by a holder that died or by a statement that
 * failed. So giving back need not be waited for. Without the database there are no tokens: taking one fails.
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
        const { use, known, backInMs } = await ask();
        if (use) hand(use);
        else if (known < tokens) await database.run('make tokens', insertTokens(name, tokens));
        else await rest(Math.max(REST_MS_MIN, backInMs) + Math.random() * JITTER_MS);
      }
    } catch (error) {
      // Were they left to wait, each would have to find out for itself that the database is away.
      for (const { refuse } of waiters) refuse(error);
    } finally {
      serving = false;
    }
  }

  async function ask(): Promise<Answer> {
    const answered = database
      .run<AnswerRow>('take token', takeToken(name, tokens, leaseMs + intervalMs))
      .then(toAnswer);
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new DatabaseUnavailable('The database is slow to answer')), ASK_MS_MAX);
    timer.unref();
    try {
      return await Promise.race([answered, late.promise]);
    } catch (error) {
      answered.then(({ use }) => use && giveBack(use, 0)).catch(() => {});
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** No token is back before a whole interval if all are in use, whatever their leases say. */
  function toAnswer([row]: AnswerRow[]): Answer {
    const { number, grants, known, back_in_ms } = row as AnswerRow;
    const use = number === null || grants === null ? undefined : { number, grants };
    return { use, known, backInMs: Math.min(Math.ceil(back_in_ms ?? 0), intervalMs) };
  }

  function hand(use: Use): void {
    const [first] = waiters;
    // All have left while the database was asked; the one who is called will never hear of this use.
    if (!first) {
      giveBack(use, 0);
      return;
    }
    let used = false;
    first.grant({
      [Symbol.dispose]() {
        if (used) return;
        used = true;
        giveBack(use, intervalMs);
      },
    });
  }

  function giveBack(use: Use, awayMs: number): void {
    database.run('give token back', giveTokenBack(name, use, awayMs)).catch((error: unknown) => {
      logger?.warn({ err: error, limit: name, token: use.number }, 'a token was not given back; its lease will end');
    });
  }

  return {
    async take(signal) {
      if (signal?.aborted) throw abortReason(signal);
      if (waiters.size >= waitersMax) {
        throw new RpcError('resource_exhausted', 'Too many calls wait for their turn', { retryAfterMs: intervalMs });
      }
      const { promise, resolve, reject } = Promise.withResolvers<Token>();
      const leave = (): void => waiter.refuse(abortReason(signal));
      const settled = (): void => {
        waiters.delete(waiter);
        signal?.removeEventListener('abort', leave);
      };
      const waiter: Waiter = {
        grant(token) {
          settled();
          resolve(token);
        },
        refuse(error) {
          settled();
          reject(error);
        },
      };
      waiters.add(waiter);
      signal?.addEventListener('abort', leave, { once: true });
      // It asks for all who wait, as long as there are any.
      outsideCalls(() => void serve());
      return promise;
    },
    get waiting() {
      return waiters.size;
    },
  };
}

/** A waiting token must not keep a process alive that has nothing else to do. */
function rest(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}

interface AnswerRow {
  readonly number: number | null;
  readonly grants: bigint | null;
  readonly known: number;
  readonly back_in_ms: number | null;
}

/**
 * Takes the token that has been back for longest, if any, and says when the next one is back: one row in any case.
 * clock_timestamp(), because now() is when the statement began, before it waited for anything. A row is checked against the
 * conditions again once it is locked, so no token is taken twice.
 */
const takeToken = (name: string, tokens: number, awayMs: number) => statement`
  WITH free AS (
    SELECT number FROM rate_limit_tokens
    WHERE name = ${name} AND number <= ${tokens} AND back_at <= clock_timestamp()
    ORDER BY back_at LIMIT 1 FOR UPDATE SKIP LOCKED
  ), taken AS (
    UPDATE rate_limit_tokens
    SET back_at = clock_timestamp() + ${awayMs} * interval '1 millisecond', grants = grants + 1
    WHERE name = ${name} AND number = (SELECT number FROM free)
    RETURNING number, grants
  )
  SELECT * FROM (
    SELECT count(*)::integer AS known,
      (extract(epoch FROM min(back_at) - clock_timestamp()) * 1000)::double precision AS back_in_ms
    FROM rate_limit_tokens WHERE name = ${name} AND number <= ${tokens}
  ) tokens LEFT JOIN taken ON true`;

const giveTokenBack = (name: string, { number, grants }: Use, awayMs: number) => statement`
  UPDATE rate_limit_tokens SET back_at = clock_timestamp() + ${awayMs} * interval '1 millisecond'
  WHERE name = ${name} AND number = ${number} AND grants = ${grants}`;

const insertTokens = (name: string, tokens: number) => statement`
  INSERT INTO rate_limit_tokens (name, number) SELECT ${name}, generate_series(1, ${tokens}) ON CONFLICT DO NOTHING`;
