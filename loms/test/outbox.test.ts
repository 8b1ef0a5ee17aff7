import assert from 'node:assert/strict';
import { createOrder } from '../src/domain/create-order.ts';
import { payOrder } from '../src/domain/pay-order.ts';
import type { EventSink, Handover, OrderEvent } from '../src/domain/ports.ts';
import { createEventQueue } from '../src/repository/outbox.ts';
import { forgetDeliveredEvents } from '../src/repository/outbox-cleaning.ts';
import { createStore } from '../src/repository/store.ts';
import { createOrders, eventually, type Loms, type LomsClient, outboxToDrain, withLoms } from './loms-fixture.ts';

const SKU = 1_076_963;

/** Notes every event that reaches it, and then may fail or take its time. */
function recordingSink(then: EventSink['deliver'] = async () => {}): EventSink & { readonly reached: OrderEvent[] } {
  const reached: OrderEvent[] = [];
  return {
    reached,
    async deliver(event, context) {
      reached.push(event);
      await then(event, context);
    },
  };
}

/** A sink whose deliveries never end of themselves. */
function hangingSink() {
  return recordingSink(async (_event, { signal }) => {
    signal.throwIfAborted();
    await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  });
}

function seqsOf(events: readonly OrderEvent[], orderID: bigint): number[] {
  return events.filter((event) => event.orderID === orderID).map(({ seq }) => seq);
}

/** Orders that are payed or cancelled, three events each. */
async function settledOrders(clients: readonly LomsClient[], count: number): Promise<bigint[]> {
  const [client] = clients as [LomsClient];
  const orderIDs = await createOrders(client, SKU, count);
  for (const [index, orderID] of orderIDs.entries()) {
    const { orderPayed, cancelOrder } = clients[index % clients.length] ?? client;
    await (index % 3 ? orderPayed({ orderID }) : cancelOrder({ orderID }));
  }
  return orderIDs;
}

/** What the events of an outbox say, to be compared with what was delivered. */
async function writtenEvents(loms: Loms): Promise<OrderEvent[]> {
  const rows = await loms.query('SELECT * FROM outbox ORDER BY order_id, seq');
  return rows.map((row) => ({
    eventID: row.event_id as string,
    orderID: row.order_id as bigint,
    seq: row.seq as number,
    user: row.user_id as bigint,
    status: row.status as OrderEvent['status'],
    at: row.changed_at as Date,
  }));
}

function inOrder(events: readonly OrderEvent[]): OrderEvent[] {
  return events
    .map(({ eventID, orderID, seq, user, status, at }) => ({ eventID, orderID, seq, user, status, at }))
    .toSorted((a, b) => (a.orderID === b.orderID ? a.seq - b.seq : Number(a.orderID - b.orderID)));
}

describe('The outbox', () => {
  it(
    'is delivered whole, each event once and those of an order in their order, by two replicas',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 60 });
      const orderIDs = await settledOrders([loms.client, loms.start().client], 60);
      await outboxToDrain(loms);
      for (const orderID of orderIDs) assert.deepEqual(seqsOf(loms.events, orderID), [1, 2, 3]);
      assert.deepEqual(inOrder(loms.events), await writtenEvents(loms));
    }),
  );

  it('holds up only the order whose event cannot be delivered, until it can be', async () => {
    let blocked: bigint | undefined;
    const sink = recordingSink(async ({ orderID, seq }) => {
      if (orderID === blocked && seq === 2) throw new Error('refused');
    });
    await withLoms(
      async (loms) => {
        loms.start();
        await loms.supply(SKU, { 1: 20 });
        // The number of the second order to come.
        blocked = 2n;
        const orderIDs = await settledOrders([loms.client], 20);
        const others = orderIDs.filter((orderID) => orderID !== blocked);
        await eventually(
          'the events of all others are delivered',
          () => loms.query('SELECT DISTINCT order_id FROM outbox WHERE delivered_at IS NULL'),
          (rows) => rows.length === 1 && rows[0]?.order_id === blocked,
        );
        for (const orderID of others) assert.deepEqual(seqsOf(sink.reached, orderID), [1, 2, 3]);
        await eventually(
          'the event was tried several times',
          () => seqsOf(sink.reached, 2n).length,
          (tries) => tries >= 4,
        );
        assert.deepEqual(new Set(seqsOf(sink.reached, 2n)), new Set([1, 2]));

        blocked = undefined;
        await outboxToDrain(loms);
        assert.deepEqual(seqsOf(sink.reached, 2n).slice(-2), [2, 3]);
      },
      { sink },
    )();
  });

  it('delivers an event again that was not marked after it was delivered, and never one before its predecessor', async () => {
    const broken = new Set<string>();
    const sink = recordingSink(async ({ eventID }) => {
      if (broken.has(eventID)) return;
      broken.add(eventID);
      throw new Error('crashed after the event was there');
    });
    await withLoms(
      async (loms) => {
        await loms.supply(SKU, { 1: 20 });
        const orderIDs = await settledOrders([loms.client, loms.start().client], 20);
        await outboxToDrain(loms);
        for (const orderID of orderIDs) assert.deepEqual(seqsOf(sink.reached, orderID), [1, 1, 2, 2, 3, 3]);
      },
      { sink },
    )();
  });

  it(
    'delivers what a replica had in hand when it died, once its lease is over',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 1 });
      // It died just behind the commit: it has taken the events, and done nothing with them.
      const died: Handover = { leaseMs: 15_000, ask: () => 'taken', wrote() {}, commit() {}, drop() {} };
      const store = createStore(loms.database, { paymentTimeoutMs: 600_000, openHandover: () => died });
      const orderID = await createOrder(
        store,
        { user: 1n, items: [{ sku: SKU, count: 1 }], caller: 'checkout' },
        new AbortController(),
      );
      await loms.client.orderPayed({ orderID });
      // Not before its lease is over does anybody else take them, nor what comes after them.
      const leases = await loms.query(`
        SELECT seq, available_at - clock_timestamp() > interval '10 seconds' AS leased, attempts
        FROM outbox WHERE order_id = ${orderID} ORDER BY seq`);
      assert.deepEqual(leases, [
        { seq: 1, leased: true, attempts: 1 },
        { seq: 2, leased: true, attempts: 1 },
        { seq: 3, leased: false, attempts: 0 },
      ]);
      assert.deepEqual(loms.events, []);
      await loms.query(`UPDATE outbox SET available_at = clock_timestamp() WHERE order_id = ${orderID} AND seq < 3`);
      await outboxToDrain(loms);
      assert.deepEqual(seqsOf(loms.events, orderID), [1, 2, 3]);
    }),
  );

  it('is written as taken where no earlier event of the order waits, and as free where one does', async () => {
    const hanging = hangingSink();
    await withLoms(
      async (loms) => {
        await loms.supply(SKU, { 1: 2 });
        const [waiting = 0n, told = 0n] = await createOrders(loms.client, SKU, 2);
        await eventually(
          'their first events are on their way',
          () => hanging.reached.length,
          (count) => count === 2,
        );
        await loms.query(`UPDATE outbox SET delivered_at = now() WHERE order_id = ${told}`);
        const outcomes: boolean[] = [];
        const asking: Handover = {
          leaseMs: 15_000,
          ask: () => 'taken if first',
          wrote: (_events, isTaken) => void outcomes.push(isTaken),
          commit() {},
          drop() {},
        };
        const store = createStore(loms.database, { paymentTimeoutMs: 600_000, openHandover: () => asking });
        for (const orderID of [waiting, told]) await payOrder(store, orderID, new AbortController());
        assert.deepEqual(outcomes, [false, true]);
        const rows = await loms.query(`
          SELECT order_id, attempts, available_at > clock_timestamp() + interval '10 seconds' AS leased
          FROM outbox WHERE seq = 3 ORDER BY attempts`);
        assert.deepEqual(rows, [
          { order_id: waiting, attempts: 0, leased: false },
          { order_id: told, attempts: 1, leased: true },
        ]);
      },
      { sink: hanging },
    )();
  });

  it('has an event that is given back rest as long as those before it', async () => {
    const hanging = hangingSink();
    await withLoms(
      async (loms) => {
        await loms.supply(SKU, { 1: 1 });
        const [orderID = 0n] = await createOrders(loms.client, SKU, 1);
        const queue = createEventQueue(loms.database);
        const resting = () =>
          loms.query(`
            SELECT seq, attempts, round(extract(epoch FROM available_at - clock_timestamp()) / 10)::integer AS tens
            FROM outbox ORDER BY seq`);
        const [first, second] = await loms.query(
          `SELECT event_id FROM outbox WHERE order_id = ${orderID} ORDER BY seq`,
        );
        await queue.postpone(first?.event_id as string, 60_000, new AbortController());
        await loms.query(`UPDATE outbox SET available_at = clock_timestamp() + interval '2 hours' WHERE seq = 2`);
        await queue.release(second?.event_id as string, new AbortController());
        assert.deepEqual(await resting(), [
          { seq: 1, attempts: 1, tens: 6 },
          { seq: 2, attempts: 0, tens: 6 },
        ]);
        await queue.release(first?.event_id as string, new AbortController());
        assert.deepEqual((await resting())[0], { seq: 1, attempts: 0, tens: 0 });
      },
      { sink: hanging },
    )();
  });

  it('tells with the note of a delivery whether a later event of the order can be taken', async () => {
    const hanging = hangingSink();
    await withLoms(
      async (loms) => {
        await loms.supply(SKU, { 1: 1 });
        await createOrders(loms.client, SKU, 1);
        const queue = createEventQueue(loms.database);
        const [first, second] = await loms.query('SELECT event_id FROM outbox ORDER BY seq');
        const note = async (event: Record<string, unknown> | undefined): Promise<boolean[]> => {
          const noted = await queue.delivered([event?.event_id as string], new AbortController());
          return noted.map(({ isAwaited }) => isAwaited);
        };
        assert.deepEqual(await note(first), [false], 'the second one is in hand');
        assert.deepEqual(await note(first), [], 'it was noted before');
        await loms.query('UPDATE outbox SET delivered_at = NULL WHERE seq = 1');
        await loms.query('UPDATE outbox SET available_at = clock_timestamp() WHERE seq = 2');
        assert.deepEqual(await note(first), [true]);
        assert.deepEqual(await note(second), [false]);
      },
      { sink: hanging },
    )();
  });

  it('passes over events that somebody else has in hand', async () => {
    const sink = recordingSink(async ({ orderID }) => {
      if (orderID === 1n) throw new Error('refused');
    });
    await withLoms(
      async (loms) => {
        await loms.supply(SKU, { 1: 2 });
        await createOrders(loms.client, SKU, 1);
        await loms.trial(async (query) => {
          // Not while it is being delivered, which the lease of 15 s tells.
          const resting = `
            order_id = 1 AND seq = 1 AND available_at > clock_timestamp()
            AND available_at < clock_timestamp() + interval '10 seconds'`;
          await eventually(
            'the event that was refused rests, and is taken in hand',
            () => query(`SELECT FROM outbox WHERE ${resting} FOR UPDATE SKIP LOCKED`),
            (rows) => rows.length > 0,
          );
          await eventually(
            'its rest is over',
            () => query(`SELECT FROM outbox WHERE ${resting}`),
            (rows) => rows.length === 0,
          );
          const [orderID = 0n] = await createOrders(loms.client, SKU, 1);
          await eventually(
            'the events of another order are delivered',
            () => seqsOf(sink.reached, orderID).length,
            (count) => count === 2,
          );
        });
      },
      { sink },
    )();
  });

  it(
    'delivers the events of a transaction that began early and ended late',
    withLoms(async (loms) => {
      await loms.supply(1, { 1: 1 });
      await loms.supply(2, { 1: 1 });
      const { promise: released, resolve: release } = Promise.withResolvers<void>();
      const { promise: written, resolve: write } = Promise.withResolvers<void>();
      const store = createStore(loms.database, { paymentTimeoutMs: 600_000 });
      const slow = store.transaction(async (repositories) => {
        const inside = { transaction: (work: (given: typeof repositories) => unknown) => work(repositories) };
        const request = { user: 1n, items: [{ sku: 1, count: 1 }], caller: 'checkout' };
        const orderID = await createOrder(inside as typeof store, request, new AbortController());
        write();
        await released;
        return orderID;
      }, new AbortController());
      await written;
      const { orderID: quick } = await loms.client.createOrder({ user: 1n, items: [{ sku: 2, count: 1 }] });
      await outboxToDrain(loms);
      assert.deepEqual(seqsOf(loms.events, quick), [1, 2]);
      release();
      const orderID = await slow;
      assert.ok(orderID < quick);
      await outboxToDrain(loms);
      assert.deepEqual(seqsOf(loms.events, orderID), [1, 2]);
    }),
  );

  it('puts all events back at once that a replica has in hand when it is stopped', async () => {
    const hanging = hangingSink();
    await withLoms(
      async (loms) => {
        await loms.supply(SKU, { 1: 30 });
        const orderIDs = await createOrders(loms.client, SKU, 30);
        await eventually(
          'the replica has its hands full',
          () => hanging.reached.length,
          (count) => count >= 8,
        );
        await loms.first[Symbol.asyncDispose]();

        const sink = recordingSink();
        loms.start({ sink });
        await outboxToDrain(loms);
        for (const orderID of orderIDs) assert.deepEqual(seqsOf(sink.reached, orderID), [1, 2]);
      },
      { sink: hanging },
    )();
  });

  it(
    'hands on from which call an event comes, and what it belongs to',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 1 });
      const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
      const order = { user: 1n, items: [{ sku: SKU, count: 1 }] };
      const trace = { traceparent, tracestate: 'vendor=1', baggage: 'shop=7' };
      const { orderID } = await loms.client.createOrder(order, { requestId: 'buying', ...trace });
      await loms.client.orderPayed({ orderID }, { requestId: 'paying' });
      await outboxToDrain(loms);
      assert.deepEqual(
        loms.events.map(({ seq, requestId, traceparent, tracestate, baggage }) => ({
          ...{ seq, requestId },
          ...(traceparent && { traceparent, tracestate, baggage }),
        })),
        [
          { seq: 1, requestId: 'buying', ...trace },
          { seq: 2, requestId: 'buying', ...trace },
          { seq: 3, requestId: 'paying' },
        ],
      );
      assert.deepEqual(await loms.query('SELECT 1 FROM outbox WHERE baggage IS NOT NULL'), [], 'it is kept no longer');
    }),
  );

  it(
    'forgets events that were delivered long enough ago, and only those, also by two replicas at once',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 30 });
      await createOrders(loms.client, SKU, 30);
      await outboxToDrain(loms);
      await loms.query(`
        UPDATE outbox SET delivered_at = CASE WHEN order_id <= 20 THEN delivered_at - interval '2 hours' ELSE delivered_at END,
          changed_at = CASE WHEN order_id <= 20 THEN changed_at - interval '2 hours' ELSE changed_at END`);
      await loms.query(
        `UPDATE order_status_history SET changed_at = changed_at - interval '2 hours' WHERE order_id <= 20`,
      );
      // The first of them is taken up again, so it has not been delivered.
      await loms.query('UPDATE outbox SET delivered_at = NULL, available_at = now() WHERE order_id = 1 AND seq = 1');
      const forget = () => forgetDeliveredEvents(loms.database, 3_600_000);
      await Promise.all([forget(), forget()]);
      const left = await loms.query('SELECT DISTINCT order_id FROM outbox WHERE order_id <= 20');
      assert.ok(left.length <= 1);
      const [kept] = await loms.query('SELECT count(*) FROM outbox WHERE order_id > 20');
      assert.equal(kept?.count, 20n);
      await outboxToDrain(loms);
    }),
  );
});
