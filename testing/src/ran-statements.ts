import type { Query } from 'invariants';
import type { Database, Executor } from 'service-kit';

/** A statement that was run, and its error. */
export type RanStatement = {
  readonly name: string;
  readonly text: string;
  readonly values: unknown[];
  readonly preparedName?: string;
  readonly error?: unknown;
};

type RunArguments = Parameters<Database['run']> extends [string, ...infer Rest] ? Rest : never;

/** The database, which records its statements in the order in which they end. */
export function recordStatements(database: Database, statements: RanStatement[]): Database {
  const record = (executor: Pick<Database, 'run'>): Pick<Database, 'run'> => ({
    async run<Row extends Record<string, unknown>>(name: string, ...[statement, scope]: RunArguments) {
      const ran = { name, ...statement.toParam() };
      try {
        const rows = await executor.run<Row>(name, statement, scope);
        statements.push(ran);
        return rows;
      } catch (error) {
        statements.push({ ...ran, error });
        throw error;
      }
    },
  });
  return {
    ...database,
    ...record(database),
    transaction: (work, scope) => database.transaction((executor) => work(record(executor)), scope),
  };
}

export function queryOn(executor: Executor): Query {
  return (text, values = []) => executor.run('test', { toParam: () => ({ text, values }) });
}

/** Runs SQL in a transaction that is rolled back, and answers the result of the work. */
export async function rolledBack<T>(database: Database, work: (query: Query) => Promise<T>): Promise<T> {
  const rollBack = new Error('rolled back');
  let answer: { value: T } | undefined;
  const trial = database.transaction(async (executor) => {
    answer = { value: await work(queryOn(executor)) };
    throw rollBack;
  });
  await trial.catch((error: unknown) => {
    if (error !== rollBack) throw error;
  });
  return (answer as { value: T }).value;
}
