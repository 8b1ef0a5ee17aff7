import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Failure } from '../failure.ts';
import { PROJECT_DIRECTORY } from '../mesh-config.ts';
import type { DatabaseName, PerDatabase } from '../services.ts';

const CATALOGUE = join(PROJECT_DIRECTORY, 'catalogue/catalogue.json');
const TIMEOUT_MS = 30_000;

/**
 * Loads products and their initial stock at every start: existing rows stay as they are, and a start after a rolled back
 * migration needs it. It takes less than a second while the services start.
 */
export async function loadCatalogues(urls: PerDatabase<string>, signal: AbortSignal): Promise<void> {
  await Promise.all((['products', 'loms'] as const).map((service) => loadCatalogue(service, urls[service], signal)));
}

async function loadCatalogue(service: DatabaseName, databaseUrl: string, signal: AbortSignal): Promise<void> {
  const script = join(PROJECT_DIRECTORY, service, 'src/load-catalogue.ts');
  const child = spawn(process.execPath, [script, CATALOGUE], {
    cwd: PROJECT_DIRECTORY,
    env: { ...process.env, DATABASE_URL: databaseUrl },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: TIMEOUT_MS,
    signal,
  });
  const [complaint, [code, killedBy]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  if (code === 0) return;
  const lastLine = complaint.trim().split('\n').at(-1) ?? '';
  throw new Failure(`The catalogue was not loaded into ${service} (${killedBy ?? `exit code ${code}`}): ${lastLine}`);
}
