import type { PoolClient, QueryResult } from 'pg';
import { onAbort } from 'rpc-kit';
import type { CancelRequest } from './cancel-request.ts';
import { isDatabaseUnavailable, SQLSTATE, sqlStateOf, toCommitFailure, toDatabaseFailure } from './database-errors.ts';

export interface LeaseParts {
  /** The signal of the call that the statements belong to. */
  readonly signal: AbortSignal | undefined;
  readonly cancel: CancelRequest;
  /** Called when a statement could not be cancelled and its connection was closed. */
  readonly onGivenUp: () => void;
}

/** A connection borrowed from the pool for one transaction or one statement. */
export interface LeasedConnection {
  /**
   * When the signal aborts, the statement is cancelled at the server.
   * @throws the signal's reason, once no cancel request is in flight
   * @throws {DatabaseUnavailable} or pg's DatabaseError
   */
  query(text: string, values?: unknown[]): Promise<QueryResult>;
  /** Never cancelled, because its result decides the call. @throws {CommitUnconfirmed} if the result is unknown */
  commit(): Promise<void>;
  /** Never rejects: a connection that cannot roll back is closed, which ends its transaction. */
  rollback(): Promise<void>;
  /** Returns the connection to the pool, or closes a broken one. No statement may be in flight. */
  release(): void;
}

/**
 * A cancel request has no effect if it overtakes its statement, or if the statement still waits in pgbouncer. So it is
 * retried after pauses that double; after three quarters of a second the connection is closed instead.
 */
const REQUESTS_MAX = 4;
const PAUSE_MS = 50;

export function leaseConnection(client: PoolClient, { signal, cancel, onGivenUp }: LeaseParts): LeasedConnection {
  let inFlight = 0;
  let onIdle: (() => void) | undefined;
  let cancelling: Promise<void> | undefined;
  let givenUp = false;
  let broken: Error | undefined;
  const onBreak = (error: Error): void => {
    broken ??= error;
  };
  // The pool listens to idle connections only; without a listener, one that breaks in use ends the process.
  client.on('error', onBreak);
  // One listener for all statements of a transaction.
  const unfollow =
    signal &&
    onAbort(signal, () => {
      if (inFlight > 0) cancelling = cancelInFlight();
    });

  async function cancelInFlight(): Promise<void> {
    const { promise: idle, resolve } = Promise.withResolvers<void>();
    onIdle = resolve;
    for (let request = 1; request <= REQUESTS_MAX && inFlight > 0 && !broken; request++) {
      // A request without an answer may still cancel the next statement of this connection.
      if (!(await cancel(client))) return giveUp();
      await settledOrPaused(idle, PAUSE_MS * 2 ** (request - 1));
    }
    if (inFlight > 0) giveUp();
  }

  function giveUp(): void {
    givenUp = true;
    onBreak(new Error('a cancel request was not answered'));
    client.connection.stream.destroy();
    onGivenUp();
  }

  return {
    async query(text, values) {
      // A call that has ended must not take further locks.
      signal?.throwIfAborted();
      inFlight += 1;
      try {
        return await client.query(text, values);
      } catch (error) {
        if (signal?.aborted && (givenUp || sqlStateOf(error) === SQLSTATE.queryCanceled)) throw signal.reason;
        if (isDatabaseUnavailable(error) && sqlStateOf(error) !== SQLSTATE.queryCanceled) onBreak(error as Error);
        throw toDatabaseFailure(error);
      } finally {
        inFlight -= 1;
        if (inFlight === 0) onIdle?.();
        if (cancelling) await cancelling;
      }
    },
    async commit() {
      const { command } = await client.query('COMMIT').catch((error) => {
        throw toCommitFailure(error);
      });
      // Postgres answers so if a statement had failed; work that ignored that failure must not count as stored.
      if (command === 'ROLLBACK') throw new Error('A statement of the transaction failed, so nothing was committed');
    },
    async rollback() {
      if (!broken) await client.query('ROLLBACK').catch(onBreak);
    },
    release() {
      unfollow?.();
      client.off('error', onBreak);
      client.release(broken);
    },
  };
}

async function settledOrPaused(settled: Promise<void>, ms: number): Promise<void> {
  const { promise: paused, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([settled, paused]);
  clearTimeout(timer);
}
