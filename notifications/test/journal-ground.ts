import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { parseJson } from 'rpc-kit';
import { type Database, openDatabase, type Statement, sql } from 'service-kit';
import { createTestDatabase, eventually } from 'testing';
import { type Deliveries, startDeliveries } from '../src/deliveries.ts';
import { acceptEvents } from '../src/domain/accept-events.ts';
import type { OrderEvent, TraceContext } from '../src/domain/ports.ts';
import { openJournalFile } from '../src/journal/file.ts';
import { findJournal } from '../src/journal/folder.ts';
import { createJournalQueue, type JournalQueue } from '../src/journal/queue.ts';
import type { Journal } from '../src/journal/write-journal.ts';
import type { DeliveryTarget } from '../src/repository/deliveries.ts';
import { openNotifications } from '../src/repository/notifications.ts';
import type { Webhook } from '../src/webhook/client.ts';
import { createDeliveryQueue } from '../src/webhook/queue.ts';

/** A line of a journal. */
export interface Entry {
  readonly eventID: string;
  readonly orderID: bigint;
  readonly seq: number;
  readonly journaledAt: Date;
}

/** The points at which a process that writes a journal is killed. */
export const CRASH_POINTS = [
  'after the claim',
  'after the first bytes',
  'in the middle of a batch',
  'before the last byte',
  'before the acknowledgement',
  'after the acknowledgement',
] as const;
export type CrashPoint = (typeof CRASH_POINTS)[number];

export interface JournalGround extends AsyncDisposable {
  readonly databaseUrl: string;
  readonly database: Database;
  pathOf(name: string): string;
  /** Stores the notifications of the events. */
  store(events: readonly OrderEvent[], trace?: TraceContext): Promise<void>;
  /** All lines of all journals; those of one file in their order. */
  entries(): Promise<Entry[]>;
  /** Waits until the queue is empty. */
  drained(): Promise<void>;
  queued(): Promise<number>;
}

export function openPool(url: string): Database {
  return openDatabase({ url, poolMax: 4, logger: pino({ level: 'silent' }), registry: new Registry() });
}

export async function openJournalGround(targets: readonly DeliveryTarget[] = ['journal']): Promise<JournalGround> {
  await using resources = new AsyncDisposableStack();
  const { url } = resources.use(await createTestDatabase('notifications'));
  const database = resources.use(openPool(url));
  const folder = await mkdtemp(join(tmpdir(), 'order-mesh-journals-'));
  resources.defer(() => rm(folder, { recursive: true }));
  const notifications = openNotifications(database, targets);
  const queued = async () => {
    const [row] = await database.run<{ count: bigint }>('test', sql.select().from('deliveries').field('count(*)'));
    return Number(row?.count);
  };
  const owned = resources.move();
  return {
    databaseUrl: url,
    database,
    pathOf: (name) => join(folder, `${name}.jsonl`),
    async store(events, trace = {}) {
      const arrived = events.map((event) => ({
        event,
        process: <T>(work: (own: TraceContext) => Promise<T>) => work(trace),
        within: <T>(work: () => T) => work(),
      }));
      const ports = { notifications, announce() {}, isFaultOfData: () => false };
      const refused = await acceptEvents(ports, arrived, new AbortController());
      assert.deepEqual(refused, []);
    },
    async entries() {
      const names = (await readdir(folder)).filter((name) => name.endsWith('.jsonl'));
      return (await Promise.all(names.map((name) => readJournal(join(folder, name))))).flat();
    },
    queued,
    drained: () => eventually('nothing is queued', async () => (await queued()) === 0),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The lines of a journal; fails at a line that is not a notification. */
export async function readJournal(path: string): Promise<Entry[]> {
  const [, ...lines] = (await readFile(path, 'utf8')).split('\n').slice(0, -1);
  return lines.map((line) => {
    const { eventID, orderID, seq, journaledAt } = parseJson(line) as Line;
    return { eventID, orderID: BigInt(toText(orderID)), seq, journaledAt: new Date(journaledAt) };
  });
}

interface Line {
  readonly eventID: string;
  readonly orderID: unknown;
  readonly seq: number;
  readonly journaledAt: string;
}

/** parseJson keeps the spelling of numbers that a JavaScript number cannot hold. */
function toText(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

export interface ReplicaOptions {
  readonly database: Database;
  readonly path?: string;
  readonly webhook?: Webhook;
  /** Wraps the queue. */
  readonly queue?: (queue: JournalQueue) => JournalQueue;
  readonly journal?: (journal: Journal) => Journal;
  readonly registry?: Registry;
}

/** The deliveries of one replica, composed as in main.ts. */
export async function startReplica(options: ReplicaOptions): Promise<Deliveries> {
  const { database, path, webhook, registry = new Registry() } = options;
  await using resources = new AsyncDisposableStack();
  const file = path === undefined ? undefined : resources.use(await openJournalFile(path));
  const queue = createJournalQueue(database);
  const deliveries = resources.use(
    startDeliveries({
      journal: file && {
        journal: options.journal?.(file) ?? file,
        queue: options.queue?.(queue) ?? queue,
        find: (journalID) => findJournal(file.path, journalID),
      },
      webhook: webhook && { webhook, queue: createDeliveryQueue(database) },
      logger: pino({ level: 'silent' }),
      registry,
    }),
  );
  const owned = resources.move();
  return { wake: deliveries.wake, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

export function statement(text: string, values: unknown[] = []): Statement {
  return { toParam: () => ({ text, values }) } as Statement;
}
