import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createTestDatabase, pickFreePorts } from 'local/testing';
import { loms } from 'loms/contract.ts';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type Client, createClient, createHttpTransport } from 'rpc-kit';
import { openDatabase } from 'service-kit';
import { SKUS } from './buyers.ts';

export interface Mesh extends AsyncDisposable {
  readonly loms: Client<typeof loms.methods>;
  readonly journal: string;
  /** Waits until so many notifications are in the journal. */
  drained(events: number): Promise<void>;
}

const READY_TIMEOUT_MS = 20_000;
const DRAIN_TIMEOUT_MS = 60_000;
const POLL_MS = 100;
const STOP_TIMEOUT_MS = 6_000;
/** More than the longest run buys. */
const SUPPLY = 10_000_000;

/** Real processes, as in production: their logs at their usual level, to files. */
export async function startMesh(folder: string, kafkaBrokers: string | undefined): Promise<Mesh> {
  await using resources = new AsyncDisposableStack();
  const lomsDatabase = resources.use(await createTestDatabase('loms'));
  const ownDatabase = resources.use(await createTestDatabase('notifications'));
  await supply(lomsDatabase.url);
  const [lomsPort = 0, ownPort = 0] = await pickFreePorts(2);
  const journal = join(folder, 'journal.jsonl');
  const kafka = kafkaBrokers === undefined ? {} : { KAFKA_BROKERS: kafkaBrokers };
  const own = { DATABASE_URL: ownDatabase.url, PORT: String(ownPort), JOURNAL_FILE: journal, ...kafka };
  resources.use(await startProcess('notifications', folder, own));
  const notificationsUrl = `http://127.0.0.1:${ownPort}`;
  const lomsOwn = {
    DATABASE_URL: lomsDatabase.url,
    PORT: String(lomsPort),
    NOTIFICATIONS_URL: notificationsUrl,
    ...kafka,
  };
  resources.use(await startProcess('loms', folder, lomsOwn));
  const transport = resources.use(createHttpTransport(`http://127.0.0.1:${lomsPort}`, { userAgent: 'benchmark' }));
  const owned = resources.move();
  return {
    loms: createClient(loms, transport),
    journal,
    async drained(events) {
      const until = performance.now() + DRAIN_TIMEOUT_MS;
      for (;;) {
        const written = (await readFile(journal, 'utf8')).split('\n').length - 2;
        if (written >= events) return;
        if (performance.now() > until) throw new Error(`only ${written} of ${events} notifications are in the journal`);
        await sleep(POLL_MS);
      }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function supply(url: string): Promise<void> {
  await using database = openDatabase({ url, poolMax: 1, logger: pino({ level: 'silent' }), registry: new Registry() });
  await database.query(`
    INSERT INTO stocks (sku, warehouse_id, supplied, on_sale)
    SELECT sku, 1, ${SUPPLY}, ${SUPPLY} FROM generate_series(1, ${SKUS}) sku`);
}

async function startProcess(
  service: 'loms' | 'notifications',
  folder: string,
  environment: NodeJS.ProcessEnv & { PORT: string },
): Promise<AsyncDisposable> {
  const log = openSync(join(folder, `${service}.log`), 'w');
  const main = fileURLToPath(new URL(`../../${service}/src/main.ts`, import.meta.url));
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env.PATH, NODE_ENV: 'production', ...environment },
    // The channel tells it when the benchmark is gone.
    stdio: ['ignore', log, 'inherit', 'ipc'],
  });
  closeSync(log);
  const ended = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const gone = await Promise.race([ended, sleep(STOP_TIMEOUT_MS, undefined, { ref: false })]);
    if (gone === undefined) child.kill('SIGKILL');
  };
  const until = performance.now() + READY_TIMEOUT_MS;
  while (child.exitCode === null && performance.now() < until) {
    const answer = await fetch(`http://127.0.0.1:${environment.PORT}/readyz`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.status === 200) return { [Symbol.asyncDispose]: stop };
    await sleep(POLL_MS);
  }
  await stop();
  throw new Error(`${service} was not ready within ${READY_TIMEOUT_MS / 1_000} s`);
}
