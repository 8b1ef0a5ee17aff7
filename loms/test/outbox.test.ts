import assert from 'node:assert/strict';
import type { Context } from '../src/domain/ports.ts';
import { forgetDeliveredEvents } from '../src/outbox/cleaning.ts';
import type { EventPublisher, OrderEvent } from '../src/outbox/event.ts';
import { createStore } from '../src/repository/store.ts';
import {
  createOrders,
  eventually,
  type Loms,
  type LomsClient,
  outboxToDrain,
  publisherOfEach,
  withLoms,
} from './loms-fixture.ts';
import { createOrder } from './one-order.ts';

const SKU = 1_076_963;

/** Notes every event that reaches it, and then may fail or take its time. */
function recordingPublisher(
  then: (event: OrderEvent, context: Context) => Promise<void> = async () => {},
): EventPublisher & { readonly reached: OrderEvent[] } {
  const reached: OrderEvent[] = [];
  const publisher = publisherOfEach(async (event, context) => {
    reached.push(event);
    await then(event, context);
  });
  return { ...publisher, reached };
}

/** A publisher whose deliveries never end of themselves. */
function hangingPublisher() {
  return recordingPublisher(async (_event, { signal }) => {
    signal.throwIfAborted();
    await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  });
}

function seqsOf(events: readonly OrderEvent[], orderID: bigint): number[] {
  return events.filter((event) => event.orderID === orderID).map(({ seq }) => seq);
}

/** Orders that are paid or cancelled, three events each. */
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
    const publisher = recordingPublisher(async ({ orderID, seq }) => {
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
        for (const orderID of others) assert.deepEqual(seqsOf(publisher.reached, orderID), [1, 2, 3]);
        await eventually(
          'the event was tried several times',
          () => seqsOf(publisher.reached, 2n).length,
          (tries) => tries >= 4,
        );
        assert.deepEqual(new Set(seqsOf(publisher.reached, 2n)), new Set([1, 2]));

        blocked = undefined;
        await outboxToDrain(loms);
        assert.deepEqual(seqsOf(publisher.reached, 2n).slice(-2), [2, 3]);
      },
      { publisher },
    )();
  });

  it('delivers an event again that was not marked after it was delivered, and never one before its predecessor', async () => {
    const broken = new Set<string>();
    const publisher = recordingPublisher(async ({ eventID }) => {
      if (broken.has(eventID)) return;
      broken.add(eventID);
      throw new Error('crashed after the event was there');
    });
    await withLoms(
      async (loms) => {
        await loms.supply(SKU, { 1: 20 });
        const orderIDs = await settledOrders([loms.client, loms.start().client], 20);
        await outboxToDrain(loms);
        for (const orderID of orderIDs) assert.deepEqual(seqsOf(publisher.reached, orderID), [1, 1, 2, 2, 3, 3]);
      },
      { publisher },
    )();
  });

  it('passes over events that another relay has locked', async () => {
    const publisher = recordingPublisher(async ({ orderID }) => {
      if (orderID === 1n) throw new Error('refused');
    });
    await withLoms(
      async (loms) => {
        await loms.supply(SKU, { 1: 2 });
        await createOrders(loms.client, SKU, 1);
        await loms.trial(async (query) => {
          // A longer wait is the lease of 15 s: the event is being delivered.
          const resting = `
            order_id = 1 AND seq = 1 AND available_at > clock_timestamp()
            AND available_at < clock_timestamp() + interval '10 seconds'`;
          await eventually(
            'the event that was refused is postponed, and then locked',
            () => query(`SELECT FROM outbox WHERE ${resting} FOR UPDATE SKIP LOCKED`),
            (rows) => rows.length > 0,
          );
          await eventually(
            'its delay is over',
            () => query(`SELECT FROM outbox WHERE ${resting}`),
            (rows) => rows.length === 0,
          );
          const [orderID = 0n] = await createOrders(loms.client, SKU, 1);
          await eventually(
            'the events of another order are delivered',
            () => seqsOf(publisher.reached, orderID).length,
            (count) => count === 2,
          );
        });
      },
      { publisher },
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

  it('puts all events back at once that a replica has claimed when it is stopped', async () => {
    const hanging = hangingPublisher();
    await withLoms(
      async (loms) => {
        await loms.supply(SKU, { 1: 30 });
        const orderIDs = await createOrders(loms.client, SKU, 30);
        await eventually(
          'the replica has two batches in flight',
          () => hanging.reached.length,
          (count) => count >= 2,
        );
        await loms.first[Symbol.asyncDispose]();

        const publisher = recordingPublisher();
        loms.start({ publisher });
        await outboxToDrain(loms);
        for (const orderID of orderIDs) assert.deepEqual(seqsOf(publisher.reached, orderID), [1, 2]);
      },
      { publisher: hanging },
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
