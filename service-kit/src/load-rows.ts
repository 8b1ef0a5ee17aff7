import { readFile } from 'node:fs/promises';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { z } from 'zod';
import { ConfigError, databaseVariables, loadConfig } from './config.ts';
import { type Database, openDatabase } from './database/database.ts';
import { runTool } from './run.ts';

/**
 * Runs a service's tool that loads a JSON file into its database:
 * `DATABASE_URL=… node products/src/load-catalogue.ts catalogue/catalogue.json`.
 * @param load stores the rows that are missing and returns how many it stored
 */
export async function loadRows<S extends z.ZodType>(
  what: string,
  schema: S,
  load: (database: Database, rows: z.output<S>) => Promise<number>,
): Promise<void> {
  await runTool(`loading ${what}`, async () => {
    const [path] = process.argv.slice(2);
    if (!path) throw new ConfigError('Give the path of the JSON file as the argument');
    const { DATABASE_URL: url } = loadConfig(z.object({ DATABASE_URL: databaseVariables.DATABASE_URL }));
    const rows = schema.parse(JSON.parse(await readFile(path, 'utf8')));
    const logger = pino({ level: 'silent' });
    await using database = openDatabase({ url, poolMax: 1, logger, registry: new Registry() });
    const stored = await load(database, rows);
    console.log(stored === 0 ? `${what}: nothing new` : `${what}: ${stored} stored`);
  });
}
