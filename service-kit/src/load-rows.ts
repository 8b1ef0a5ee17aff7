import { readFile } from 'node:fs/promises';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { z } from 'zod';
import { ConfigError, commonVariables, loadConfig } from './config.ts';
import { type Database, openDatabase } from './database/database.ts';
import { runTool } from './run.ts';

const uint32 = z.int().min(0).max(0xffff_ffff);

/** The catalogue file: what is sold, and how much of it lies where at the start. */
const catalogueFile = z.array(
  z.object({
    sku: uint32,
    name: z.string().min(1),
    price: uint32,
    stock: z.array(z.object({ warehouseID: z.int(), count: z.int().min(0) })),
  }),
);
export type CatalogueEntry = z.infer<typeof catalogueFile>[number];

/**
 * Runs a service's `load-catalogue.ts`: `DATABASE_URL=… node products/src/load-catalogue.ts catalogue/catalogue.json`.
 * @param load stores the entries that are not there yet and tells how many it stored
 */
export async function loadCatalogue(
  what: string,
  load: (database: Database, entries: readonly CatalogueEntry[]) => Promise<number>,
): Promise<void> {
  await runTool(`loading the catalogue of ${what}`, async () => {
    const [path] = process.argv.slice(2);
    if (!path) throw new ConfigError('Give the path of the catalogue file as the argument');
    const { DATABASE_URL: url } = loadConfig(z.object({ DATABASE_URL: commonVariables.DATABASE_URL }));
    const entries = catalogueFile.parse(JSON.parse(await readFile(path, 'utf8')));
    const logger = pino({ level: 'silent' });
    await using database = openDatabase({ url, poolMax: 1, logger, registry: new Registry() });
    const stored = await load(database, entries);
    console.log(stored === 0 ? `${what}: nothing new` : `${what}: ${stored} stored`);
  });
}
