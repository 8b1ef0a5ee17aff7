import assert from 'node:assert/strict';
import { createTestDatabase } from 'testing';
import type { ClaimedEvent } from '../src/outbox/event.ts';
import { createEventQueue } from '../src/outbox/rows.ts';
import { createStore } from '../src/repository/store.ts';
import { openPool } from './loms-fixture.ts';
import { createOrder, settleOrder } from './one-order.ts';

const SKU = 1_076_963;
const LEASE_MS = 15_000;
const never = new AbortController();

/** A database of loms without a relay, so that every claim is the test's own. */
async function openOutbox() {
  await using resources = new AsyncDisposableStack();
  const { url } = resources.use(await createTestDatabase('loms'));
  const database = resources.use(openPool(url, 4));
  await database.query(
    `INSERT INTO stocks (sku, warehouse_id, initial, supplied, on_sale) VALUES (${SKU}, 1, 100, 100, 100)`,
  );
  const store = createStore(database, { paymentTimeoutMs: 600_000 });
  const queue = createEventQueue(database);
  const request = { user: 1n, items: [{ sku: SKU, count: 1 }], caller: 'checkout' };
  const owned = resources.move();
  return {
    queue,
    place: () => createOrder(store, request, never),
    pay: (orderID: bigint) => settleOrder(store, 'payed', orderID, never),
    claim: async (deliveredIDs: readonly string[] = [], ordersMax = 10) =>
      (await queue.advance(deliveredIDs, ordersMax, LEASE_MS, never)).claimed,
    query: database.query,
    rows: () =>
      database.query(`
        SELECT seq, attempts,
          CASE WHEN available_at > clock_timestamp() + interval '30 s' THEN 'postponed'
            WHEN available_at > clock_timestamp() THEN 'leased' ELSE 'free' END AS state
        FROM outbox WHERE delivered_at IS NULL ORDER BY order_id, seq`),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const idsOf = (events: readonly ClaimedEvent[]): string[] => events.map(({ eventID }) => eventID);
const seqsOf = (events: readonly ClaimedEvent[]): number[][] => {
  const orders = Map.groupBy(events, ({ orderID }) => orderID);
  return [...orders.values()].map((order) => order.map(({ seq }) => seq));
};

describe('The queue of events', () => {
  it('claims the undelivered events of an order together, in the order of their seqs', async () => {
    await using outbox = await openOutbox();
    await outbox.pay(await outbox.place());
    await outbox.place();
    assert.deepEqual(seqsOf(await outbox.claim()), [
      [1, 2, 3],
      [1, 2],
    ]);
  });

  it('gives claimed events, and what comes behind them, to no other relay until the lease is over', async () => {
    await using outbox = await openOutbox();
    const orderID = await outbox.place();
    await outbox.claim();
    await outbox.pay(orderID);
    assert.deepEqual(await outbox.claim(), []);
    assert.deepEqual(await outbox.rows(), [
      { seq: 1, attempts: 1, state: 'leased' },
      { seq: 2, attempts: 1, state: 'leased' },
      { seq: 3, attempts: 0, state: 'free' },
    ]);
    await outbox.query('UPDATE outbox SET available_at = clock_timestamp() WHERE seq < 3');
    assert.deepEqual(seqsOf(await outbox.claim()), [[1, 2, 3]]);
  });

  it('acknowledges in the statement that claims what waited behind the acknowledged events', async () => {
    await using outbox = await openOutbox();
    const orderID = await outbox.place();
    const first = await outbox.claim();
    await outbox.pay(orderID);
    assert.deepEqual(seqsOf(await outbox.claim(idsOf(first))), [[3]]);
  });

  it('answers how long acknowledged events took, each once', async () => {
    await using outbox = await openOutbox();
    await outbox.place();
    const claimed = idsOf(await outbox.claim());
    const { delaysMs } = await outbox.queue.advance(claimed, 0, LEASE_MS, never);
    assert.equal(delaysMs.length, 2);
    assert.ok(delaysMs.every((delayMs) => delayMs > 0));
    const again = await outbox.queue.advance(claimed, 0, LEASE_MS, never);
    assert.deepEqual(again, { claimed: [], delaysMs: [], dueMs: undefined });
  });

  it('claims no more orders than asked for', async () => {
    await using outbox = await openOutbox();
    for (let count = 0; count < 3; count++) await outbox.place();
    assert.equal(seqsOf(await outbox.claim([], 2)).length, 2);
    assert.equal(seqsOf(await outbox.claim([], 2)).length, 1);
  });

  it('claims four events of an order at a time, and the next ones once these are acknowledged', async () => {
    await using outbox = await openOutbox();
    const orderID = await outbox.place();
    await outbox.query(`
      INSERT INTO order_status_history SELECT ${orderID}, seq, 'new', now() FROM generate_series(3, 6) seq;
      INSERT INTO outbox (event_id, order_id, seq, user_id, status, changed_at)
      SELECT gen_random_uuid(), ${orderID}, seq, 1, 'new', now() FROM generate_series(3, 6) seq`);
    const first = await outbox.claim();
    assert.deepEqual(seqsOf(first), [[1, 2, 3, 4]]);
    assert.deepEqual(await outbox.claim(), []);
    assert.deepEqual(seqsOf(await outbox.claim(idsOf(first))), [[5, 6]]);
  });

  it('says when the next leased or postponed event is due, and nothing of events that are available', async () => {
    await using outbox = await openOutbox();
    const [paid, other] = [await outbox.place(), await outbox.place()];
    const due = async () => (await outbox.queue.advance([], 0, LEASE_MS, never)).dueMs ?? 0;
    assert.equal(await due(), 0);
    const claimed = await outbox.claim();
    await outbox.pay(paid);
    assert.ok((await due()) > LEASE_MS - 5_000 && (await due()) <= LEASE_MS);
    const [event] = claimed.filter(({ orderID }) => orderID === other);
    assert.ok(event);
    await outbox.queue.postpone([{ event, delayMs: 5_000 }], never);
    assert.ok((await due()) > 0 && (await due()) <= 5_000);
  });

  it('claims each event once by two relays at the same moment', async () => {
    await using outbox = await openOutbox();
    for (let count = 0; count < 20; count++) await outbox.place();
    const claims = await Promise.all([outbox.claim([], 20), outbox.claim([], 20), outbox.claim([], 20)]);
    const ids = claims.flatMap(idsOf);
    assert.equal(new Set(ids).size, ids.length);
  });

  it('postpones an event with those behind it, and counts an attempt of that event only', async () => {
    await using outbox = await openOutbox();
    await outbox.pay(await outbox.place());
    await outbox.place();
    const [, second, , behind] = await outbox.claim();
    assert.ok(second && behind);
    const postponed = [second, behind].map((event) => ({ event, delayMs: 60_000 }));
    await outbox.queue.postpone(postponed, never);
    assert.deepEqual(await outbox.rows(), [
      { seq: 1, attempts: 1, state: 'leased' },
      { seq: 2, attempts: 1, state: 'postponed' },
      { seq: 3, attempts: 0, state: 'postponed' },
      { seq: 1, attempts: 1, state: 'postponed' },
      { seq: 2, attempts: 0, state: 'postponed' },
    ]);
  });

  it('postpones an event that came after the claim of those before it, and counts no attempt of it', async () => {
    await using outbox = await openOutbox();
    const orderID = await outbox.place();
    const [first] = await outbox.claim();
    assert.ok(first);
    await outbox.pay(orderID);
    await outbox.queue.postpone([{ event: first, delayMs: 60_000 }], never);
    assert.deepEqual((await outbox.rows())[2], { seq: 3, attempts: 0, state: 'postponed' });
  });

  it('releases the events of a claim as if they had not been claimed', async () => {
    await using outbox = await openOutbox();
    const orderID = await outbox.place();
    await outbox.place();
    const claimed = await outbox.claim([], 1);
    await outbox.claim();
    await outbox.pay(orderID);
    await outbox.queue.release(claimed, never);
    assert.deepEqual(await outbox.rows(), [
      { seq: 1, attempts: 0, state: 'free' },
      { seq: 2, attempts: 0, state: 'free' },
      { seq: 3, attempts: 0, state: 'free' },
      { seq: 1, attempts: 1, state: 'leased' },
      { seq: 2, attempts: 1, state: 'leased' },
    ]);
  });
});
