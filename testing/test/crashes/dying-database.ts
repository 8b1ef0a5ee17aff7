import type { Database, Executor } from 'service-kit';
import { after, before, type Transactions, transactionOf } from './crash-points.ts';

/** Called at every point; ends the process at one of them. */
export type Reach = (point: string) => Promise<void>;

/** Reaches a point before and after each commit. */
export function dyingDatabase(database: Database, transactions: Transactions, reach: Reach): Database {
  const transaction: Database['transaction'] = async (work, scope) => {
    let name: string | undefined;
    const result = await database.transaction(async (executor) => {
      // Anew for each attempt: a lost race is run again.
      const ran: string[] = [];
      const done = await work(noting(executor, ran));
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
    // A statement alone commits by itself; only in a transaction is there a moment between it and the commit.
    run: (statementName, statement, scope) =>
      transaction((executor) => executor.run(statementName, statement), scope) as Promise<never>,
  };
}

function noting(executor: Executor, ran: string[]): Executor {
  return {
    async run(...args) {
      const rows = await executor.run(...args);
      const [name] = args;
      // Who found nothing to claim or to forget has changed nothing.
      if (rows.length > 0 || !/^(claim|forget) /.test(name)) ran.push(name);
      return rows as never;
    },
  };
}

/** A mistake in the table must not pass for a failed call, which services are made to survive. */
function orEnd<T>(decide: () => T): T {
  try {
    return decide();
  } catch (error) {
    console.error(error);
    process.exit(70);
  }
}
