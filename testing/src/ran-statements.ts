import type { Query } from 'invariants';
import type { Database, Executor } from 'service-kit';

/** What a statement was and what it failed with. */
export type RanStatement = {
  readonly name: string;
  readonly text: string;
  readonly values: unknown[];
  readonly error?: unknown;
};

type RunArguments = Parameters<Database['run']> extends [string, ...infer Rest] ? Rest : never;

/** The database, which notes what is asked of it, in the order in which that ends. */
export function noteStatements(database: Database, statements: RanStatement[]): Database {
  const note = (executor: Pick<Database, 'run'>): Pick<Database, 'run'> => ({
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
    ...note(database),
    transaction: (work, scope) => database.transaction((executor) => work(note(executor)), scope),
  };
}

export function queryOn(executor: Executor): Query {
  return (text, values = []) => executor.run('test', { toParam: () => ({ text, values }) });
}

/** Runs SQL in a transaction of its own, which is rolled back: what the work answers is all that stays. */
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
