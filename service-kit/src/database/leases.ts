import type { Pool, PoolClient } from 'pg';
import type { Logger } from 'pino';
import { onAbort, outsideCalls } from 'rpc-kit';
import { createCancelRequest } from './cancel-request.ts';
import { DatabaseUnavailable, toDatabaseFailure } from './database-errors.ts';
import { type LeasedConnection, leaseConnection } from './leased-connection.ts';
import { createPreparedStatements } from './prepared-statements.ts';
import { createTurns } from './turns.ts';

/**
 * Equal to pgbouncer's query_wait_timeout. Most calls that change something may take 2 s: within that they can still be
 * answered with `unavailable`, which is safe to retry; a timeout is not.
 */
export const CONNECTION_TIMEOUT_MS = 1_000;

export interface Leases {
  /**
   * @param isBackground waits ahead of calls
   * @throws {DatabaseUnavailable}
   * @throws the signal's reason
   */
  take(signal?: AbortSignal, isBackground?: boolean): Promise<LeasedConnection>;
  /** Callers without a connection. */
  readonly waiting: number;
}

/** Lends the connections of a pool. Callers queue here, because a caller cannot leave pg's own queue. */
export function openLeases(pool: Pool, poolMax: number, logger: Logger): Leases {
  const turns = createTurns(poolMax);
  const cancel = createCancelRequest();
  const prepared = createPreparedStatements();
  const onGivenUp = (): void =>
    logger.warn('a statement could not be cancelled at the database, so its connection was closed');

  return {
    async take(signal, isBackground) {
      signal?.throwIfAborted();
      const turn = turns.tryTake() ?? (await waitForTurn(signal, isBackground));
      const client = await connect(turn, signal);
      const connection = leaseConnection(client, { signal, cancel, prepared, onGivenUp });
      return {
        ...connection,
        release() {
          connection.release();
          turn[Symbol.dispose]();
        },
      };
    },
    get waiting() {
      return turns.waiting;
    },
  };

  async function waitForTurn(signal: AbortSignal | undefined, isBackground?: boolean): Promise<Disposable> {
    const waitLimit = new AbortController();
    const timer = setTimeout(
      () => waitLimit.abort(new DatabaseUnavailable('No connection to the database became free')),
      CONNECTION_TIMEOUT_MS,
    );
    const unfollow = signal && onAbort(signal, () => waitLimit.abort(signal.reason));
    try {
      return await turns.take(waitLimit.signal, isBackground);
    } finally {
      clearTimeout(timer);
      unfollow?.();
    }
  }

  /** Opening a connection takes time; if the caller leaves meanwhile, the connection goes to the pool. */
  function connect(turn: Disposable, signal: AbortSignal | undefined): Promise<PoolClient> {
    return new Promise((resolve, reject) => {
      let left = false;
      const fail = (error: unknown): void => {
        unfollow?.();
        turn[Symbol.dispose]();
        reject(error);
      };
      const unfollow =
        signal &&
        onAbort(signal, () => {
          left = true;
          reject(signal.reason);
        });
      // A connection outlives the call that opens it, so its later failure must not carry that call's ids.
      outsideCalls(() => pool.connect()).then(
        (client) => {
          if (left) {
            client.release();
            turn[Symbol.dispose]();
            return;
          }
          unfollow?.();
          resolve(client);
        },
        (error: unknown) => fail(toDatabaseFailure(error)),
      );
    });
  }
}
