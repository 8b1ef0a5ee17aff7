import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { OrderEvent } from 'loms/contract.ts';
import { type Database, sql } from 'service-kit';
import { createTestDatabase } from 'testing';
import type { QueuedNotification } from '../src/domain/ports.ts';
import type { ConsumerStore, OffsetRange } from '../src/kafka/ports.ts';
import { createConsumerStore } from '../src/kafka/store.ts';
import { openPool } from './journal-ground.ts';
import { createEvent, createEvents } from './order-events.ts';

const PLACE = { topic: 'orders', partition: 0 };
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const context = new AbortController();

const withText = (event: OrderEvent): QueuedNotification => ({ ...event, text: 'a text' });

describe('A batch that is stored by one statement', () => {
  let resources: AsyncDisposableStack;
  let database: Database;
  let store: ConsumerStore;

  beforeEach(async () => {
    resources = new AsyncDisposableStack();
    database = resources.use(openPool(resources.use(await createTestDatabase('notifications')).url));
    store = createConsumerStore(database, ['journal', 'webhook']);
    await store.readOffset(PLACE, context);
  });

  afterEach(() => resources.disposeAsync());

  const query = (text: string) => database.run('test', { toParam: () => ({ text, values: [] }) });

  async function storeBatch(events: readonly OrderEvent[], from: bigint): Promise<boolean> {
    const range: OffsetRange = { ...PLACE, from, to: from + BigInt(events.length) };
    return store.storeBatch(range, events.map(withText), context);
  }

  async function stored(): Promise<string[]> {
    const rows = await query('SELECT event_id FROM notifications');
    return rows.map(({ event_id }) => event_id).toSorted();
  }

  const idsOf = (events: readonly OrderEvent[]): string[] => events.map(({ eventID }) => eventID).toSorted();

  async function assertRefused(events: readonly OrderEvent[], before: readonly OrderEvent[]): Promise<void> {
    assert.equal(await storeBatch(events, BigInt(before.length)), false);
    assert.deepEqual(await stored(), idsOf(before));
    assert.equal(await store.readOffset(PLACE, context), BigInt(before.length));
  }

  it('is stored and queued for each target, and moves the offset', async () => {
    const [one, other] = [createEvents(3), createEvents(2)];
    assert.ok(await storeBatch([...one.slice(0, 1), ...other], 0n));
    assert.ok(await storeBatch(one.slice(1), 3n));
    assert.deepEqual(await stored(), idsOf([...one, ...other]));
    assert.equal(await store.readOffset(PLACE, context), 5n);
    const queued = await query('SELECT sink, count(*)::integer FROM deliveries GROUP BY sink ORDER BY sink');
    assert.deepEqual(
      queued.map(({ sink, count }) => [sink, count]),
      [
        ['journal', 5],
        ['webhook', 5],
      ],
    );
  });

  it('stores every column unchanged', async () => {
    const event = createEvent({ status: 'awaiting payment' });
    await store.storeBatch({ ...PLACE, from: 0n, to: 1n }, [{ ...withText(event), traceparent: TRACEPARENT }], context);
    const [row] = await query('SELECT * FROM notifications JOIN deliveries USING (order_id, seq)');
    const { order_id, seq, event_id, user_id, status, at, text, traceparent } = row ?? {};
    assert.deepEqual(
      { orderID: order_id, seq: Number(seq), eventID: event_id, user: user_id, status, at, text, traceparent },
      { ...event, text: 'a text', traceparent: TRACEPARENT },
    );
  });

  it('moves the offset without messages, too', async () => {
    assert.ok(await store.storeBatch({ ...PLACE, from: 0n, to: 4n }, [], context));
    assert.equal(await store.readOffset(PLACE, context), 4n);
  });

  it('is refused if the stored offset is not its beginning', async () => {
    const [first = createEvent(), second = createEvent()] = [createEvent(), createEvent()];
    assert.ok(await storeBatch([first], 0n));
    for (const from of [0n, 2n]) assert.equal(await storeBatch([second], from), false);
    assert.deepEqual(await stored(), [first.eventID]);
  });

  it('is refused whole if an event is not the next one of its order', async () => {
    const order = createEvents(4);
    const [first, , third] = order;
    assert.ok(first && third);
    assert.ok(await storeBatch([first], 0n));
    await assertRefused([createEvent(), third], [first]);
    await assertRefused([createEvent({ seq: 2 })], [first]);
  });

  it('is refused whole if an event is stored already', async () => {
    const [first = createEvent(), second = createEvent()] = createEvents(2);
    assert.ok(await storeBatch([first], 0n));
    await assertRefused([createEvent(), first], [first]);
    await assertRefused([first, second], [first]);
  });

  it('is refused whole if an eventID is stored for another event', async () => {
    const first = createEvent();
    assert.ok(await storeBatch([first], 0n));
    await assertRefused([createEvent(), createEvent({ eventID: first.eventID })], [first]);
    const twice = randomUUID();
    await assertRefused([createEvent({ eventID: twice }), createEvent({ eventID: twice })], [first]);
  });

  it('is refused whole if a dead letter blocks one of its orders', async () => {
    const [first = createEvent(), second = createEvent()] = createEvents(2);
    assert.ok(await storeBatch([first], 0n));
    await query(`INSERT INTO dead_letters (topic, partition, position, order_id, size, headers, reason, message)
      VALUES ('orders', 0, 99, ${first.orderID}, 0, '{}', 'conflict', 'contradicts')`);
    await assertRefused([createEvent(), second], [first]);
    assert.ok(await storeBatch([createEvent()], 1n), 'other orders continue');
  });

  it('is stored once by several concurrent consumers', async () => {
    const events = Array.from({ length: 10 }, () => createEvents(3)).flat();
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => storeBatch(events, 0n)));
    assert.equal(outcomes.filter(Boolean).length, 1);
    assert.deepEqual(await stored(), idsOf(events));
  });

  it('is refused whole if one of its events is stored concurrently by RPC', async () => {
    const events = createEvents(2);
    const [first = createEvent()] = events;
    const row = sql.insert().into('notifications').setFields({
      order_id: first.orderID,
      seq: 1,
      event_id: first.eventID,
      user_id: first.user,
      status: first.status,
      at: first.at,
      text: 'a text',
    });
    const taking = await database.transaction(async (executor) => {
      await executor.run('test', row);
      const waiting = storeBatch(events, 0n);
      await waitForLock();
      return { waiting };
    });
    assert.equal(await taking.waiting, false);
    assert.deepEqual(await stored(), [first.eventID]);
    assert.equal(await store.readOffset(PLACE, context), 0n);
  });

  async function waitForLock(): Promise<void> {
    for (;;) {
      const [row] = await query(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
      );
      if (row) return;
    }
  }
});
