import type { PoolClient, QueryResult } from 'pg';
import { onAbort } from 'rpc-kit';
import type { CancelRequest } from './cancel-request.ts';
import { isDatabaseUnavailable, SQLSTATE, sqlStateOf, toCommitFailure, toDatabaseFailure } from './database-errors.ts';

export interface LeaseParts {
  /** Whoever waits for the statements. */
  readonly signal: AbortSignal | undefined;
  readonly cancel: CancelRequest;
  /** Told when a statement could not be cancelled, so that its connection is given up. */
  readonly onGivenUp: () => void;
}

/** One connection of the pool, for one transaction or one statement. */
export interface LeasedConnection {
  /**
   * When the signal aborts, the statement is cancelled at the server.
   * @throws the signal's reason, once no cancel request is on its way any more
   * @throws {DatabaseUnavailable} or pg's DatabaseError
   */
  query(text: string, values?: unknown[]): Promise<QueryResult>;
  /** Is not cancelled: whoever has sent it has to know how it ended. @throws {CommitUnconfirmed} when that cannot be known */
  commit(): Promise<void>;
  /** Never fails: a connection that cannot roll back is not used again, and ends its transaction with itself. */
  rollback(): Promise<void>;
  /** Gives it back, or closes it when it is of no use any more. Nothing may be under way. */
  release(): void;
}

/**
 * A request that overtakes its statement finds nothing to cancel, and so does one for a statement that still waits in
 * pgbouncer. So it is repeated, after pauses that double, and after three quarters of a second the connection is closed instead.
 */
const REQUESTS_MAX = 4;
const PAUSE_MS = 50;

export function leaseConnection(client: PoolClient, { signal, cancel, onGivenUp }: LeaseParts): LeasedConnection {
  let underWay = 0;
  let onIdle: (() => void) | undefined;
  let cancelling: Promise<void> | undefined;
  let givenUp = false;
  let broken: Error | undefined;
  const onBreak = (error: Error): void => {
    broken ??= error;
  };
  // The pool listens to idle connections only; one that breaks while it is in use here would end the process.
  client.on('error', onBreak);
  // One listener for all statements of a transaction.
  const unfollow =
    signal &&
    onAbort(signal, () => {
      if (underWay > 0) cancelling = cancelUnderWay();
    });

  async function cancelUnderWay(): Promise<void> {
    const { promise: idle, resolve } = Promise.withResolvers<void>();
    onIdle = resolve;
    for (let request = 1; request <= REQUESTS_MAX && underWay > 0 && !broken; request++) {
      // An answer that is still out may yet cancel whatever comes next on this connection.
      if (!(await cancel(client))) return giveUp();
      await settledOrPaused(idle, PAUSE_MS * 2 ** (request - 1));
    }
    if (underWay > 0) giveUp();
  }

  function giveUp(): void {
    givenUp = true;
    onBreak(new Error('a cancel request was not answered'));
    client.connection.stream.destroy();
    onGivenUp();
  }

  return {
    async query(text, values) {
      // A caller that left must not hold locks for statements that it does not wait for.
      signal?.throwIfAborted();
      underWay += 1;
      try {
        return await client.query(text, values);
      } catch (error) {
        if (signal?.aborted && (givenUp || sqlStateOf(error) === SQLSTATE.queryCanceled)) throw signal.reason;
        if (isDatabaseUnavailable(error) && sqlStateOf(error) !== SQLSTATE.queryCanceled) onBreak(error as Error);
        throw toDatabaseFailure(error);
      } finally {
        underWay -= 1;
        if (underWay === 0) onIdle?.();
        if (cancelling) await cancelling;
      }
    },
    async commit() {
      const { command } = await client.query('COMMIT').catch((error) => {
        throw toCommitFailure(error);
      });
      // What Postgres answers where a statement had failed; work that swallowed the failure must not believe it is stored.
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
