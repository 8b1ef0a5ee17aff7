import { randomBytes } from 'node:crypto';
import { Admin, Consumer, compatibilityPartitioner, Producer } from '@platformatic/kafka';
import type { OrderEvent } from 'loms/contract.ts';
import { orderEvents } from 'loms/contract.ts';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { stringifyJson } from 'rpc-kit';
import { type LogFields, logScope } from 'rpc-kit/logging';
import { type Database, openDatabase } from 'service-kit';
import { createTestDatabase, eventually, readTestBrokers } from 'testing';
import { z } from 'zod';
import type { Notification } from '../../src/domain/ports.ts';
import { startEventConsumer } from '../../src/kafka/consumer.ts';
import { createDeadLetterReader } from '../../src/kafka/dead-letters.ts';
import type { ConsumerStore } from '../../src/kafka/ports.ts';
import { createConsumerStore } from '../../src/kafka/store.ts';
import type { DeliveryTarget } from '../../src/repository/deliveries.ts';

export interface RawMessage {
  readonly key?: string | undefined;
  readonly value?: string | Buffer | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly partition?: number;
}

export interface RunningConsumer extends AsyncDisposable {
  /** Whether a transaction is open: its rows may be visible before they are announced and counted. */
  isBusy(): boolean;
  readonly registry: Registry;
  /** Lines of its log. */
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  /** Its announced notifications, in order. */
  readonly announced: readonly Notification[];
  /** The log scope of each announcement. */
  readonly scopes: readonly LogFields[];
}

export interface ConsumerOptions {
  /** The targets that notifications are queued for. Default: none. */
  readonly targets?: readonly DeliveryTarget[];
  readonly store?: (store: ConsumerStore) => ConsumerStore;
  /** Default: the ground's. */
  readonly group?: string;
}

/** A topic, a database and consumers of one test. */
export interface ConsumerGround extends AsyncDisposable {
  readonly topic: string;
  readonly group: string;
  readonly databaseUrl: string;
  readonly brokers: readonly string[];
  sql(text: string): Promise<Record<string, unknown>[]>;
  publish(events: readonly OrderEvent[], headers?: RawMessage['headers']): Promise<void>;
  publishRaw(messages: readonly RawMessage[]): Promise<void>;
  /** Waits until the group has consumed everything that was published, and its consumers have announced it. */
  consumed(): Promise<void>;
  start(options?: ConsumerOptions): RunningConsumer;
}

/** Short for a test, and long enough for a busy machine. */
const SESSION_TIMEOUT_MS = 6_000;

export async function openConsumerGround(
  partitions = 3,
  brokers: readonly string[] = readTestBrokers(),
): Promise<ConsumerGround> {
  await using resources = new AsyncDisposableStack();
  const name = `test-${randomBytes(6).toString('hex')}`;
  const database = resources.use(await createTestDatabase('notifications'));
  const pool = resources.use(openTestPool(database.url));
  const client = { clientId: 'tests', bootstrapBrokers: [...brokers], retries: 10 };
  const admin = new Admin(client);
  resources.defer(() => admin.close());
  await admin.createTopics({ topics: [name], partitions, replicas: 1 });
  const producer = new Producer({ ...client, partitioner: compatibilityPartitioner, acks: -1 });
  resources.defer(() => producer.close());
  const tail = new Consumer({ ...client, groupId: `${name}-tail` });
  resources.defer(() => tail.close());
  const consumers = resources.use(new AsyncDisposableStack());
  const started: RunningConsumer[] = [];
  const sql: ConsumerGround['sql'] = (text) => pool.run('test', { toParam: () => ({ text, values: [] }) });
  const published = new Map<number, bigint>();

  async function publishRaw(messages: readonly RawMessage[]): Promise<void> {
    const wire = messages.map(({ key, value, headers = {}, partition }) => ({
      topic: name,
      key: key === undefined ? undefined : Buffer.from(key),
      value: value === undefined ? undefined : Buffer.from(value as string),
      headers: new Map(Object.entries(headers).map(([header, text]) => [Buffer.from(header), Buffer.from(text)])),
      partition,
    }));
    await producer.send({ messages: wire as never });
    const ends = await tail.listOffsets({ topics: [name] });
    for (const [partition, end] of (ends.get(name) ?? []).entries()) if (end > 0n) published.set(partition, end);
  }

  const owned = resources.move();
  return {
    topic: name,
    group: name,
    databaseUrl: database.url,
    brokers,
    sql,
    publishRaw,
    publish: (events, headers) => publishRaw(events.map((event) => toRaw(event, headers))),
    async consumed() {
      const readOffsets = async (): Promise<string[]> => {
        const rows = await sql('SELECT partition, next_offset FROM consumer_offsets ORDER BY partition');
        return rows
          .filter(({ next_offset }) => next_offset !== 0n)
          .map((row) => `${row.partition}: ${row.next_offset}`);
      };
      const wanted = [...published].sort(([a], [b]) => a - b).map(([partition, next]) => `${partition}: ${next}`);
      await eventually(`the group is at ${wanted}`, async () => String(await readOffsets()) === String(wanted));
      await eventually('everything stored is announced', () => !started.some((consumer) => consumer.isBusy()));
    },
    start(options) {
      const place = { brokers, topic: name, group: name, databaseUrl: database.url };
      const consumer = consumers.use(startConsumer(place, options));
      started.push(consumer);
      return consumer;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

export function openTestPool(url: string): Database {
  return openDatabase({ url, poolMax: 5, logger: pino({ level: 'silent' }), registry: new Registry() });
}

export interface ConsumerPlace {
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly group: string;
  readonly databaseUrl: string;
}

export function startConsumer(place: ConsumerPlace, options: ConsumerOptions = {}): RunningConsumer {
  const lines: Record<string, unknown>[] = [];
  const announced: Notification[] = [];
  const scopes: LogFields[] = [];
  const logger = pino({ level: 'debug', base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const registry = new Registry();
  const database = openDatabase({ url: place.databaseUrl, poolMax: 5, logger, registry });
  let transactions = 0;
  // Announcing is synchronous, so it is done when the end of the transaction is visible to the test.
  const store = surround(createConsumerStore(database, options.targets ?? []), async (transaction) => {
    transactions += 1;
    return transaction().finally(() => {
      transactions -= 1;
    });
  });
  const consumer = startEventConsumer({
    ...place,
    group: options.group ?? place.group,
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
    ports: {
      store: options.store?.(store) ?? store,
      announce(notification) {
        announced.push(notification);
        scopes.push(logScope());
      },
    },
    letters: createDeadLetterReader(database),
    logger,
    registry,
  });
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await consumer[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  };
  return {
    isBusy: () => transactions > 0,
    registry,
    lines,
    announced,
    scopes,
    async [Symbol.asyncDispose]() {
      closed ??= close();
      await closed;
    },
  };
}

/** Runs all writes of the store inside `around`. */
export function surround(
  store: ConsumerStore,
  around: <T>(transaction: () => Promise<T>) => Promise<T>,
): ConsumerStore {
  return {
    ...store,
    storeBatch: (...parts) => around(() => store.storeBatch(...parts)),
    transaction: (work, context) => around(() => store.transaction(work, context)),
  };
}

/** A store that stores no batch by one statement. */
export function oneByOne(store: ConsumerStore): ConsumerStore {
  return { ...store, storeBatch: async () => false };
}

export function toRaw(event: OrderEvent, headers: RawMessage['headers'] = {}): RawMessage {
  const value = z.encode(orderEvents.schema, { version: orderEvents.version, ...event });
  return { key: orderEvents.keyOf(event.orderID), value: stringifyJson(value), headers };
}
