import type { Database, Executor } from 'service-kit';
import { after, before, type Transactions, transactionOf } from './crash-points.ts';

/** Called at every point; ends the process at one of them. */
export type Reach = (point: string) => Promise<void>;

/** Reaches a point before and after each commit. */
export function dyingDatabase(database: Database, transactions: Transactions, reach: Reach): Database {
  const transaction: Database['transaction'] = async (work, scope) => {
    let name: string | undefined;
    const result = await database.transaction(async (executor) => {
      // New for each attempt: a transaction that fails to serialize is retried.
      const ran: string[] = [];
      const done = await work(recordNames(executor, ran));
      name = orEnd(() => transactionOf(transactions, ran));
      if (name) await reach(before(name));
      return done;
    }, scope);
    if (name) await reach(after(name));
    return result;
  };
  return {
    ...database,
    transaction,
    // A single statement commits by itself: only a transaction has a moment between statement and commit.
    run: (statementName, statement, scope) =>
      transaction((executor) => executor.run(statementName, statement), scope) as Promise<never>,
  };
}

function recordNames(executor: Executor, ran: string[]): Executor {
  return {
    async run(name, statement) {
      // Never as the last statement: there is a point between it and the commit.
      const rows = await executor.run(name, statement);
      // They change nothing if they answer no row.
      if (rows.length > 0 || !/^(claim|forget|pay|cancel) /.test(name)) ran.push(name);
      return rows as never;
    },
  };
}

/** A mistake in the table must end the process: services survive failed calls. */
function orEnd<T>(decide: () => T): T {
  try {
    return decide();
  } catch (error) {
    console.error(error);
    process.exit(70);
  }
}
