import type { Pool, PoolClient } from 'pg';
import type { Logger } from 'pino';
import { onAbort, outsideCalls } from 'rpc-kit';
import { createCancelRequest } from './cancel-request.ts';
import { DatabaseUnavailable, toDatabaseFailure } from './database-errors.ts';
import { type LeasedConnection, leaseConnection } from './leased-connection.ts';
import { createTurns } from './turns.ts';

/**
 * As long as pgbouncer lets a statement wait (query_wait_timeout). Most calls that change something may take 2 s: they are to
 * be answered "unavailable, come again" before that, instead of running out of time, after which nobody knows what happened.
 */
export const CONNECTION_TIMEOUT_MS = 1_000;

export interface Leases {
  /**
   * @throws {DatabaseUnavailable}
   * @throws the signal's reason
   */
  take(signal?: AbortSignal): Promise<LeasedConnection>;
  /** Callers without a connection. */
  readonly waiting: number;
}

/** Lends the connections of a pool. pg's own queue lets nobody leave it, so callers queue here. */
export function openLeases(pool: Pool, poolMax: number, logger: Logger): Leases {
  const turns = createTurns(poolMax);
  const cancel = createCancelRequest();
  const onGivenUp = (): void =>
    logger.warn('a statement could not be cancelled at the database, so its connection was closed');

  return {
    async take(signal) {
      signal?.throwIfAborted();
      const turn = turns.tryTake() ?? (await waitForTurn(signal));
      const client = await connect(turn, signal);
      const connection = leaseConnection(client, { signal, cancel, onGivenUp });
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

  async function waitForTurn(signal: AbortSignal | undefined): Promise<Disposable> {
    const patience = new AbortController();
    const timer = setTimeout(
      () => patience.abort(new DatabaseUnavailable('No connection to the database became free')),
      CONNECTION_TIMEOUT_MS,
    );
    const unfollow = signal && onAbort(signal, () => patience.abort(signal.reason));
    try {
      return await turns.take(patience.signal);
    } finally {
      clearTimeout(timer);
      unfollow?.();
    }
  }

  /** A new connection may take its time; whoever leaves meanwhile leaves it to the next one. */
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
      // A connection that is opened here outlives the call: when it breaks, that is logged for no call.
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
