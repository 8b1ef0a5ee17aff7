import type { PoolClient, QueryResult, QueryResultRow } from 'pg';
import { onAbort } from 'rpc-kit';
import type { CancelRequest } from './cancel-request.ts';
import { isDatabaseUnavailable, SQLSTATE, sqlStateOf, toCommitFailure, toDatabaseFailure } from './database-errors.ts';
import { type Part, sendMessage } from './message.ts';
import { isMissingStatement, type PreparedStatements } from './prepared-statements.ts';

export interface LeaseParts {
  /** The signal of the call that the statements belong to. */
  readonly signal: AbortSignal | undefined;
  readonly cancel: CancelRequest;
  readonly prepared: PreparedStatements;
  /** Called when a statement could not be cancelled and its connection was closed. */
  readonly onGivenUp: () => void;
}

/** A connection borrowed from the pool for one transaction or one statement. */
export interface LeasedConnection {
  /** As `send`, for a text of one or more statements without parameters. */
  query(text: string): Promise<QueryResult>;
  /**
   * Sends statements in one message. When the signal aborts, they are cancelled at the server.
   * @param withCommit whether one of them is a COMMIT
   * @returns the rows of each
   * @throws the signal's reason, once no cancel request is in flight
   * @throws {DatabaseUnavailable}, {CommitUnconfirmed} if the result of a COMMIT is unknown, or pg's DatabaseError
   */
  send(parts: readonly Part[], withCommit?: boolean): Promise<QueryResultRow[][]>;
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

export function leaseConnection(client: PoolClient, parts: LeaseParts): LeasedConnection {
  const { signal, cancel, prepared, onGivenUp } = parts;
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

  async function inScope<T>(run: () => Promise<T>, toFailure: (error: unknown) => unknown): Promise<T> {
    // A call that has ended must not take further locks.
    signal?.throwIfAborted();
    inFlight += 1;
    try {
      return await run();
    } catch (error) {
      if (signal?.aborted && (givenUp || sqlStateOf(error) === SQLSTATE.queryCanceled)) throw signal.reason;
      if (isDatabaseUnavailable(error) && sqlStateOf(error) !== SQLSTATE.queryCanceled) onBreak(error as Error);
      if (isMissingStatement(error)) prepared.onMissing(client);
      throw toFailure(error);
    } finally {
      inFlight -= 1;
      if (inFlight === 0) onIdle?.();
      if (cancelling) await cancelling;
    }
  }

  function toPrepared(part: Part): Part {
    if (part.preparedName === undefined) return part;
    if (!prepared.isOn) return { ...part, preparedName: undefined };
    return { ...part, isPrepared: prepared.has(client, part.preparedName) };
  }

  return {
    query: (text) => inScope(() => client.query(text), toDatabaseFailure),
    send(parts, withCommit = false) {
      const ready = parts.map(toPrepared);
      const send = async () => {
        const rows = await sendMessage(client, ready);
        const names = ready.flatMap(({ preparedName }) => preparedName ?? []);
        if (names.length > 0) prepared.onUsed(client, names);
        return rows;
      };
      return inScope(send, withCommit ? toCommitFailure : toDatabaseFailure);
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
