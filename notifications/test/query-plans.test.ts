import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Database } from 'service-kit';
import {
  createTestDatabase,
  itReadsByIndexOnly,
  lastOf,
  PLANNED_ORDERS,
  pretendRows,
  queryOn,
  type RanStatement,
  recordStatements,
  rolledBack,
  rowsReadBy,
  writePast,
} from 'testing';
import type { Notification } from '../src/domain/ports.ts';
import { createHistory } from '../src/history/history.ts';
import { createJournalQueue } from '../src/journal/queue.ts';
import { createDeadLetterReader } from '../src/kafka/dead-letters.ts';
import type { DeadLetter, Partition } from '../src/kafka/ports.ts';
import { createConsumerStore } from '../src/kafka/store.ts';
import { createDeliveryQueue } from '../src/webhook/queue.ts';
import { openPool } from './journal-ground.ts';

/** Every statement of notifications, except the readiness check. */
const STATEMENTS = [
  'add dead letters',
  'add notification',
  'add notifications',
  'begin partition',
  'bury delivery',
  'claim deliveries',
  'claim for journal',
  'count dead letters',
  'explain dead letter',
  'find blocked orders',
  'find notification',
  'find notifications',
  'find stale claims',
  'free deliveries',
  'list dead letters',
  'lock dead letters',
  'move offset',
  'postpone delivery',
  'read dead letters',
  'read history',
  'read journal backlog',
  'read journal claims',
  'read last seq',
  'read offset',
  'read webhook backlog',
  'remove dead letter',
  'remove deliveries',
  'take whole batch',
];

/** The tables that grow with the orders; consumer_offsets has one row for each partition. */
const TABLES = ['notifications', 'deliveries', 'dead_letters'];

/** Few enough for every run; statistics make the planner expect a million. `ORDERS=1000000` inserts a million. */
const ORDERS = Number(process.env.ORDERS ?? 20_000);
/** A limit against hanging: the inserts need seconds, more on a busy machine. */
const PAST_MAX_MS = 60_000 + 2 * ORDERS;
/** The last notification of every hundredth order is in flight. */
const UNDER_WAY_EVERY = 100;

/** A past: three notifications and a dead letter for each order, and one notification in three given up by the webhook. */
const pastOf = (first: number, last: number): readonly string[] => [
  `INSERT INTO notifications
  SELECT order_id, seq, gen_random_uuid(), order_id % 997, 'new', now() - order_id * interval '1 second', 'text'
  FROM generate_series(${first}, ${last}) order_id, generate_series(1, 3) seq`,

  `INSERT INTO deliveries (sink, order_id, seq, dead_at, attempts)
  SELECT 'webhook', order_id, 1, now(), 20 FROM generate_series(${first}, ${last}) order_id`,

  `INSERT INTO deliveries (sink, order_id, seq, available_at)
  SELECT sink, order_id, 3, now() + interval '1 hour'
  FROM generate_series(${first}, ${last}) order_id, unnest('{journal,webhook}'::text[]) sink
  WHERE order_id % ${UNDER_WAY_EVERY} = 0`,

  `INSERT INTO dead_letters (topic, partition, position, order_id, size, headers, reason, message)
  SELECT 'orders', order_id % 6, order_id, order_id, 100, '{}',
    CASE WHEN order_id % 5 = 0 THEN 'conflict' ELSE 'parked' END, 'message'
  FROM generate_series(${first}, ${last}) order_id`,
];

const PARTITION: Partition = { topic: 'orders', partition: 0 };
const ORDER_ID = -1n;
const LETTER: DeadLetter = {
  ...PARTITION,
  offset: 10_000_000n,
  orderID: ORDER_ID,
  key: undefined,
  value: undefined,
  headers: {},
  reason: 'conflict',
  message: 'a message',
};

function notificationOf(seq: number): Notification {
  const at = new Date();
  return { eventID: randomUUID(), orderID: ORDER_ID, seq, user: 1n, status: 'new', at, text: 'a text' };
}

/** Runs each statement at least once, as the service runs it. */
async function runEveryStatement(database: Database): Promise<void> {
  const context = new AbortController();
  const store = createConsumerStore(database, ['journal', 'webhook']);
  const from = await store.readOffset(PARTITION, context);
  const steps = [1, 2, 3, 4].map(notificationOf);
  await store.transaction(async ({ notifications, offsets, deadLetters }) => {
    for (const step of steps) assert.ok(await notifications.add(step, {}));
    await notifications.lastSeq(ORDER_ID);
    await notifications.find(ORDER_ID, 1);
    const batch = [1, 2].map((seq) => ({ ...notificationOf(seq), orderID: ORDER_ID - 3n }));
    assert.deepEqual(await notifications.addFitting(batch), [ORDER_ID - 3n]);
    assert.equal((await notifications.findAll([...steps, ...batch])).length, 6);
    await deadLetters.findBlocked([ORDER_ID, 5n]);
    await deadLetters.add([LETTER]);
    assert.equal((await deadLetters.lock(ORDER_ID)).length, 1);
    await deadLetters.explain(LETTER);
    await deadLetters.remove(LETTER);
    assert.ok(await offsets.move(PARTITION, from, from + 1n));
  }, context);
  const whole = [ORDER_ID - 1n, ORDER_ID - 2n].map((orderID) => ({ ...notificationOf(1), orderID }));
  assert.ok(await store.storeBatch({ ...PARTITION, from: from + 1n, to: from + 3n }, whole, context));
  const letters = createDeadLetterReader(database);
  await letters.list({}, 100, context);
  await letters.count(100, context);
  await createHistory(database).read({ user: 5n, from: undefined, to: undefined }, 21, undefined, context);
  const webhook = createDeliveryQueue(database);
  await webhook.readBacklog(100, context);
  const claimed = await webhook.claim(10, 1_000, context);
  assert.equal(claimed.length, 4);
  await webhook.postpone(steps[0] as Notification, { delayMs: 100, isRefusal: true }, context);
  await webhook.bury(steps[0] as Notification, context);
  await webhook.acknowledge(steps.slice(1, 2), context);
  const [journal, journalID] = [createJournalQueue(database), randomUUID()];
  const journaled = await journal.claim(journalID, 10, [], context);
  assert.equal(journaled.length, 8);
  await journal.claim(journalID, 10, journaled.slice(0, 1), context);
  await journal.claimed(journalID, context);
  await journal.readBacklog(100, context);
  await journal.findStale(1_000, context);
}

describe('The statements of notifications', () => {
  const statements: RanStatement[] = [];
  let resources: AsyncDisposableStack;
  let beside: Database;

  before(async function () {
    this.timeout(PAST_MAX_MS);
    resources = new AsyncDisposableStack();
    const testDatabase = resources.use(await createTestDatabase('notifications'));
    beside = resources.use(openPool(testDatabase.url));
    await writePast(queryOn(beside), { orders: ORDERS, tables: TABLES, statementsOf: pastOf });
    await runEveryStatement(recordStatements(beside, statements));
    await pretendRows(testDatabase, PLANNED_ORDERS / ORDERS);
  });

  after(() => resources.disposeAsync());

  const ran = () => statements;
  const statement = (name: string): RanStatement => lastOf(ran(), name);

  itReadsByIndexOnly({
    folder: 'notifications/src',
    names: STATEMENTS,
    tables: TABLES,
    ran,
    trial: (work) => rolledBack(beside, work),
  });

  it('read no delivery that was given up or is postponed', async () => {
    const rows = await rolledBack(beside, (query) => rowsReadBy(query, statement('claim deliveries')));
    assert.ok(rows < 20, `${rows} rows were read`);
  });

  it('read as many rows of a history as they show, however long it is', async () => {
    const rows = await rolledBack(beside, (query) => rowsReadBy(query, statement('read history')));
    assert.ok(rows > 0 && rows <= 21, `${rows} rows were read`);
  });

  it('count dead letters up to a limit, and read no others', async () => {
    const rows = await rolledBack(beside, (query) => rowsReadBy(query, statement('count dead letters')));
    assert.ok(rows > 0 && rows <= 200, `${rows} rows were read`);
  });
});

describe('A claim of a backlog that the planner does not expect', () => {
  const ORDERS_WAITING = 2_000;
  const CLAIMED = 20;

  for (const name of ['claim for journal', 'claim deliveries']) {
    it(`reads a few rows for each order that it claims: ${name}`, async () => {
      await using testDatabase = await createTestDatabase('notifications');
      await using database = openPool(testDatabase.url);
      const query = queryOn(database);
      // The statistics are those of an empty queue.
      await query('ALTER TABLE deliveries SET (autovacuum_enabled = off)');
      await query('ANALYZE deliveries');
      await query(`INSERT INTO notifications
        SELECT order_id, seq, gen_random_uuid(), 1, 'new', now(), 'text'
        FROM generate_series(1, ${ORDERS_WAITING}) order_id, generate_series(1, 3) seq`);
      await query(`INSERT INTO deliveries (sink, order_id, seq)
        SELECT sink, order_id, seq FROM notifications, unnest('{journal,webhook}'::text[]) sink`);
      const statements: RanStatement[] = [];
      const recorded = recordStatements(database, statements);
      const context = new AbortController();
      await createJournalQueue(recorded).claim(randomUUID(), CLAIMED, [], context);
      await createDeliveryQueue(recorded).claim(CLAIMED, 1_000, context);
      const rows = await rolledBack(database, (trial) => rowsReadBy(trial, lastOf(statements, name)));
      // The orders of the first claim, whose successors are passed over, and those of this one.
      assert.ok(rows > 0 && rows < 20 * CLAIMED, `${rows} rows were read`);
    });
  }
});
