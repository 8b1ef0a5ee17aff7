import type { QueryResultRow } from 'pg';
import type { StatementOptions } from './database.ts';
import type { LeasedConnection } from './leased-connection.ts';
import type { Part } from './message.ts';
import type { Statement } from './statement.ts';

export interface Transaction {
  run(statement: Statement, options?: StatementOptions): Promise<QueryResultRow[]>;
  /** `new` until the first statement is sent. */
  readonly state: 'new' | 'open' | 'committed';
}

interface Waiting {
  readonly part: Part;
  readonly settled: PromiseWithResolvers<QueryResultRow[]>;
}

/**
 * Statements that start in the same turn travel in one message. BEGIN travels with the first of them, and COMMIT with the last one if
 * that says so: a transaction takes as few round trips as its work allows.
 *
 * @param onBegin called when BEGIN is sent; what it returns is called when the server has executed it. Behind pgbouncer, this is how
 * long the transaction waited for a connection of the server.
 */
export function beginTransaction(connection: LeasedConnection, onBegin: () => () => void): Transaction {
  let state: Transaction['state'] = 'new';
  let waiting: Waiting[] = [];
  let isLast = false;

  async function send(): Promise<void> {
    const sent = waiting;
    waiting = [];
    const onBegun = state === 'new' ? once(onBegin()) : undefined;
    const begin: Part[] = onBegun ? [{ text: 'BEGIN', onDone: onBegun }] : [];
    const commit: Part[] = isLast ? [{ text: 'COMMIT' }] : [];
    state = 'open';
    try {
      const rows = await connection.send([...begin, ...sent.map(({ part }) => part), ...commit], isLast);
      if (isLast) state = 'committed';
      for (const [index, { settled }] of sent.entries())
        settled.resolve(rows[begin.length + index] as QueryResultRow[]);
    } catch (error) {
      onBegun?.();
      for (const { settled } of sent) settled.reject(error);
    }
  }

  return {
    run(statement, options) {
      if (isLast) throw new Error('The transaction has been committed by its last statement, so no other may follow');
      const settled = Promise.withResolvers<QueryResultRow[]>();
      waiting.push({ part: statement.toParam(), settled });
      if (options?.isLast) isLast = true;
      if (waiting.length === 1) queueMicrotask(send);
      return settled.promise;
    },
    get state() {
      return state;
    },
  };
}

function once(run: () => void): () => void {
  let hasRun = false;
  return () => {
    if (!hasRun) run();
    hasRun = true;
  };
}
