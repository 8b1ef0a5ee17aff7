import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loms } from 'loms/contract.ts';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type Client, createClient, createHttpTransport } from 'rpc-kit';
import { openDatabase } from 'service-kit';
import { createTestDatabase } from 'testing';
import { startService } from '../harness/service-process.ts';
import { SKUS } from './buyers.ts';

export interface Mesh extends AsyncDisposable {
  readonly loms: Client<typeof loms.methods>;
  readonly journal: string;
  /** Waits until the journal has this many notifications. */
  drain(events: number): Promise<void>;
}

const DRAIN_TIMEOUT_MS = 60_000;
const POLL_MS = 100;
/** More than the longest run can buy. */
const SUPPLY = 10_000_000;

/** Starts loms and notifications as in production, with their databases. */
export async function startMesh(folder: string, kafkaBrokers: string | undefined): Promise<Mesh> {
  await using resources = new AsyncDisposableStack();
  const lomsDatabase = resources.use(await createTestDatabase('loms'));
  const ownDatabase = resources.use(await createTestDatabase('notifications'));
  await supply(lomsDatabase.url);
  const journal = join(folder, 'journal.jsonl');
  const kafka = kafkaBrokers === undefined ? {} : { KAFKA_BROKERS: kafkaBrokers };
  const notifications = resources.use(
    await startService({
      service: 'notifications',
      folder,
      environment: { DATABASE_URL: ownDatabase.url, JOURNAL_FILE: journal, ...kafka },
    }),
  );
  const { url } = resources.use(
    await startService({
      service: 'loms',
      folder,
      environment: { DATABASE_URL: lomsDatabase.url, NOTIFICATIONS_URL: notifications.url, ...kafka },
    }),
  );
  const transport = resources.use(createHttpTransport(url, { userAgent: 'benchmark' }));
  const owned = resources.move();
  return {
    loms: createClient(loms, transport),
    journal,
    async drain(events) {
      const until = performance.now() + DRAIN_TIMEOUT_MS;
      for (;;) {
        const written = (await readFile(journal, 'utf8')).split('\n').length - 2;
        if (written >= events) return;
        if (performance.now() > until)
          throw new Error(`The journal has ${written} of ${events} notifications after ${DRAIN_TIMEOUT_MS / 1_000} s.`);
        await sleep(POLL_MS);
      }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function supply(url: string): Promise<void> {
  await using database = openDatabase({ url, poolMax: 1, logger: pino({ level: 'silent' }), registry: new Registry() });
  await database.query(`
    INSERT INTO stocks (sku, warehouse_id, initial, supplied, on_sale)
    SELECT sku, 1, ${SUPPLY}, ${SUPPLY}, ${SUPPLY} FROM generate_series(1, ${SKUS}) sku`);
}
