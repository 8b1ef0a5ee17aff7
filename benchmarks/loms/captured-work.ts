import { randomUUID } from 'node:crypto';
import { createEventQueue, createOrder, createStore, settleOrder } from 'loms/testing';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createOperationJournal, type Database, type Executor, openDatabase } from 'service-kit';
import { LINES } from './scenario.ts';

/** The source of a statement's parameter. */
export type Slot =
  | { readonly kind: 'constant'; readonly value: unknown }
  | { readonly kind: 'user' | 'key' | 'order' | 'event' }
  | { readonly kind: 'sku' | 'warehouse'; readonly line: number }
  | { readonly kind: 'list'; readonly elements: readonly Slot[] };

/** A statement that loms runs, with its parameters as slots. */
export interface Template {
  readonly name: string;
  readonly text: string;
  readonly preparedName?: string | undefined;
  readonly slots: readonly Slot[];
  /** The order's step that it records: its answer has the order's id. */
  readonly step?: number;
}

/** The statements of loms for one order that is made, with a key as checkout sends it, and paid. */
export interface CapturedWork {
  /** The two transactions. */
  readonly calls: readonly Template[];
  /** The relay's statement, which acknowledges the order's three events and claims those of other orders. */
  readonly advance: Template;
  /** The insert of a batch of operations. */
  readonly journal: Template;
}

const SENTINEL = { user: 770_001n, order: 660_001n, sku: 880_001, warehouse: 990_001 };
const SKUS = Array.from({ length: LINES }, (_, line) => SENTINEL.sku + line);
const WAREHOUSES = SKUS.map((_, line) => SENTINEL.warehouse + line);
const LINE_OF_SKU = new Map(SKUS.map((sku, line) => [String(sku), line]));
const LINE_OF_WAREHOUSE = new Map(WAREHOUSES.map((warehouse, line) => [String(warehouse), line]));
const PAYMENT_TIMEOUT_MS = 600_000;
const LEASE_MS = 15_000;
/** Each client of pgbench acknowledges its own events; claiming those of another client would wait for its locks. */
const CLAIM_MAX = 0;
/** The batch size of the operation journal at some hundred orders a second. */
export const OPERATIONS_TOGETHER = 30;
const JOURNAL = 'save operations';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

interface Ran {
  readonly name: string;
  readonly text: string;
  readonly preparedName?: string | undefined;
  readonly values: readonly unknown[];
}

/** Makes and pays one order with loms's own domain and repositories, and captures their statements. */
export async function captureWork(url: string): Promise<CapturedWork> {
  const ran: Ran[] = [];
  await using database = openDatabase({
    url,
    poolMax: 2,
    logger: pino({ level: 'silent' }),
    registry: new Registry(),
  });
  await prepare(database);
  const watched = watch(database, ran);
  const store = createStore(watched, { paymentTimeoutMs: PAYMENT_TIMEOUT_MS });
  const { signal } = new AbortController();
  const key = randomUUID().replaceAll('-', '');
  const items = SKUS.map((sku) => ({ sku, count: 1 }));
  const orderID = await createOrder(
    store,
    { user: SENTINEL.user, items, idempotencyKey: key, caller: 'checkout' },
    { signal },
  );
  await settleOrder(store, 'payed', orderID, { signal });
  if (orderID !== SENTINEL.order) throw new Error(`the captured order is ${orderID}, not ${SENTINEL.order}`);
  const calls = toTemplates(ran.splice(0), key);

  const queue = createEventQueue(watched);
  await queue.advance([randomUUID(), randomUUID(), randomUUID()], CLAIM_MAX, LEASE_MS, { signal });
  await journalSome(watched);
  const [advance, journal] = toTemplates(ran, key);
  if (!advance || !journal) throw new Error('a statement of the background was not captured');
  return { calls, advance, journal };
}

async function prepare(database: Database): Promise<void> {
  const shelves = SKUS.map((sku, line) => `(${sku}, ${WAREHOUSES[line]}, 1000, 1000, 1000)`);
  await database.query(`INSERT INTO stocks (sku, warehouse_id, initial, supplied, on_sale) VALUES ${shelves}`);
  await database.query(`ALTER TABLE orders ALTER COLUMN order_id RESTART WITH ${SENTINEL.order}`);
}

async function journalSome(executor: Executor): Promise<void> {
  const journal = createOperationJournal(executor as Database);
  const rest = {
    caller: 'benchmark',
    code: 'ok',
    reason: undefined,
    startedAt: new Date(),
    deadlineAt: new Date(),
    durationMs: 12.345678,
  };
  const operations = Array.from({ length: OPERATIONS_TOGETHER }, (_, index) => ({
    requestId: randomUUID(),
    method: index % 2 === 0 ? 'createOrder' : 'orderPayed',
    ...rest,
  }));
  await Promise.all(operations.map((operation) => journal.save(operation)));
}

function watch(database: Database, ran: Ran[]): Database {
  const control = (text: 'BEGIN' | 'COMMIT'): void => void ran.push({ name: text, text, values: [] });
  const watched = (run: (...args: Parameters<Database['run']>) => Promise<unknown>): Executor['run'] =>
    ((...args: Parameters<Database['run']>) => {
      ran.push({ name: args[0], ...args[1].toParam() });
      return run(...args);
    }) as Executor['run'];
  return {
    ...database,
    run: watched(database.run),
    async transaction(work, scope) {
      control('BEGIN');
      const result = await database.transaction((executor) => work({ run: watched(executor.run) }), scope);
      control('COMMIT');
      return result;
    },
  };
}

function toTemplates(ran: readonly Ran[], key: string): Template[] {
  let steps = 0;
  const toSlot = (value: unknown, name: string): Slot => {
    if (Array.isArray(value)) return { kind: 'list', elements: value.map((element) => toSlot(element, name)) };
    return toScalar(value, key, name);
  };
  return ran.map(({ name, text, preparedName, values }) => {
    const slots = values.map((value) => toSlot(value, name));
    const isStep = name === 'create orders' || name === 'pay orders';
    const template = { name, text, preparedName, slots };
    return isStep ? { ...template, step: steps++ } : template;
  });
}

/** Each sentinel value is unique, so it identifies its parameter. */
function toScalar(value: unknown, key: string, name: string): Slot {
  const text = String(value);
  const [sku, warehouse] = [LINE_OF_SKU.get(text), LINE_OF_WAREHOUSE.get(text)];
  if (text === key) return { kind: 'key' };
  if (text === String(SENTINEL.user)) return { kind: 'user' };
  if (text === String(SENTINEL.order)) return { kind: 'order' };
  if (sku !== undefined) return { kind: 'sku', line: sku };
  if (warehouse !== undefined) return { kind: 'warehouse', line: warehouse };
  // The request ids of the journal look the same.
  if (UUID.test(text) && name !== JOURNAL) return { kind: 'event' };
  return { kind: 'constant', value };
}
