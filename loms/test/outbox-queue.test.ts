import assert from 'node:assert/strict';
import { createTestDatabase } from 'testing';
import { createOrder } from '../src/domain/create-order.ts';
import { payOrder } from '../src/domain/pay-order.ts';
import type { ClaimedOrder } from '../src/outbox/event.ts';
import { createEventQueue } from '../src/outbox/rows.ts';
import { createStore } from '../src/repository/store.ts';
import { openPool } from './loms-fixture.ts';

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
    pay: (orderID: bigint) => payOrder(store, orderID, never),
    claim: async (deliveredIDs: readonly string[] = [], limit = 10) =>
      (await queue.advance(deliveredIDs, limit, LEASE_MS, never)).claimed,
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

const idsOf = (orders: readonly ClaimedOrder[]): string[] => orders.flat().map(({ eventID }) => eventID);
const seqsOf = (orders: readonly ClaimedOrder[]): number[][] => orders.map((order) => order.map(({ seq }) => seq));

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
    assert.deepEqual(await outbox.queue.advance(claimed, 0, LEASE_MS, never), { claimed: [], delaysMs: [] });
  });

  it('claims no more orders than asked for', async () => {
    await using outbox = await openOutbox();
    for (let count = 0; count < 3; count++) await outbox.place();
    assert.equal((await outbox.claim([], 2)).length, 2);
    assert.equal((await outbox.claim([], 2)).length, 1);
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
    const [[, second] = []] = await outbox.claim();
    assert.ok(second);
    await outbox.queue.postpone(second, 60_000, never);
    assert.deepEqual(await outbox.rows(), [
      { seq: 1, attempts: 1, state: 'leased' },
      { seq: 2, attempts: 1, state: 'postponed' },
      { seq: 3, attempts: 0, state: 'postponed' },
    ]);
  });

  it('releases an event with those behind it as if they had not been claimed', async () => {
    await using outbox = await openOutbox();
    await outbox.pay(await outbox.place());
    const [[, second] = []] = await outbox.claim();
    assert.ok(second);
    await outbox.queue.release(second, never);
    assert.deepEqual(await outbox.rows(), [
      { seq: 1, attempts: 1, state: 'leased' },
      { seq: 2, attempts: 0, state: 'free' },
      { seq: 3, attempts: 0, state: 'free' },
    ]);
  });
});
