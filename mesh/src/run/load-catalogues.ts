import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Failure } from '../failure.ts';
import { PROJECT_DIRECTORY } from '../mesh-config.ts';
import type { PerService, ServiceName } from '../services.ts';

const CATALOGUE = join(PROJECT_DIRECTORY, 'catalogue/catalogue.json');
const TIMEOUT_MS = 30_000;

/**
 * Products and their starting stock. What is there already stays as it is, so this runs at every start: it takes less
 * than a second beside the services' own start, and is right also after a migration was rolled back.
 */
export async function loadCatalogues(urls: PerService<string>, signal: AbortSignal): Promise<void> {
  await Promise.all((['products', 'loms'] as const).map((service) => loadCatalogue(service, urls[service], signal)));
}

async function loadCatalogue(service: ServiceName, databaseUrl: string, signal: AbortSignal): Promise<void> {
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
