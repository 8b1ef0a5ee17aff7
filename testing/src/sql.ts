import { createLogger, createRegistry, openDatabase } from 'service-kit';

/** Runs SQL independently of the services and answers its rows, with 64-bit numbers as bigints. */
export interface Sql extends AsyncDisposable {
  (text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
}

export function openSql(url: string): Sql {
  const logger = createLogger('tests', 'silent');
  const database = openDatabase({ url, poolMax: 4, logger, registry: createRegistry('tests') });
  const run = (text: string, values: unknown[] = []) => database.run('test', { toParam: () => ({ text, values }) });
  return Object.assign(run, { [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() });
}
