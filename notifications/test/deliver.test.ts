import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OrderEvent } from 'loms/contract.ts';
import { failedWith, type RpcError } from 'rpc-kit';
import { sql } from 'service-kit';
import { createTestDatabase, type TestDatabase } from 'testing';
import { notifications } from '../contract.ts';
import { createEvent, createEvents, newId } from './order-events.ts';
import { type RunningService, startService } from './running-service.ts';

const { deliver } = notifications.methods;

describe('deliver', () => {
  let testDatabase: TestDatabase;
  /** Two replicas over one database. */
  let service: RunningService;
  let replica: RunningService;

  before(async () => {
    testDatabase = await createTestDatabase('notifications');
    service = await startService(testDatabase.url);
    replica = await startService(testDatabase.url);
  });

  after(async () => {
    await replica[Symbol.asyncDispose]();
    await service[Symbol.asyncDispose]();
    await testDatabase[Symbol.asyncDispose]();
  });

  /** What is stored of an order, by seq. */
  async function stored(orderID: bigint): Promise<{ seq: bigint; event_id: string }[]> {
    const rows = sql.select().from('notifications').fields(['seq', 'event_id']);
    return service.database.run('test', rows.where('order_id = ?', orderID).order('seq'));
  }

  /** The seqs of which a replica wrote a line, in the order of the lines. */
  function logged(orderID: bigint): number[] {
    const lines = [...service.notificationLines(), ...replica.notificationLines()];
    return lines.filter((line) => line.order_id === String(orderID)).map(({ seq }) => seq);
  }

  function keysOf(events: readonly OrderEvent[]) {
    return events.map(({ seq, eventID }) => ({ seq: BigInt(seq), event_id: eventID }));
  }

  it('stores and logs one notification for each event, in order', async () => {
    const events = createEvents(3);
    const [{ orderID }] = events as [OrderEvent];
    for (const event of events) assert.deepEqual(await service.client.deliver(event), {});
    assert.deepEqual(await stored(orderID), keysOf(events));
    assert.deepEqual(logged(orderID), [1, 2, 3]);
  });

  it('answers a repeated event again and does nothing', async () => {
    const events = createEvents(2);
    const [first] = events as [OrderEvent];
    for (const event of [...events, ...events, first]) assert.deepEqual(await replica.client.deliver(event), {});
    assert.deepEqual(await stored(first.orderID), keysOf(events));
    assert.deepEqual(logged(first.orderID), [1, 2]);
  });

  it('treats an eventID in upper case as the same', async () => {
    const event = createEvent();
    await service.client.deliver(event);
    const { orderID, user, at } = event;
    const body = `{"eventID":"${event.eventID.toUpperCase()}","orderID":${orderID},"seq":1,"user":${user},"status":"new","at":"${at.toISOString()}"}`;
    const answer = await fetch(`${service.url}/deliver`, { method: 'POST', body, headers: JSON_BODY });
    assert.equal(await answer.text(), '{}');
  });

  it('refuses an event before its predecessor and names the expected one', async () => {
    const [first, second, third] = createEvents(3) as [OrderEvent, OrderEvent, OrderEvent];
    const { orderID } = first;
    await assertOutOfOrder(service.client.deliver(second), { orderID, expectedSeq: 1 });
    await service.client.deliver(first);
    await assertOutOfOrder(service.client.deliver(third), { orderID, expectedSeq: 2 });
    assert.deepEqual(await stored(orderID), keysOf([first]));
  });

  it('stores an event once that arrives 20 times concurrently', async () => {
    const event = createEvent();
    const calls = Array.from({ length: 20 }, (_, index) => (index % 2 ? service : replica).client.deliver(event));
    for (const answer of await Promise.all(calls)) assert.deepEqual(answer, {});
    assert.deepEqual(await stored(event.orderID), keysOf([event]));
    assert.deepEqual(logged(event.orderID), [1]);
  });

  it('is complete and ascending after events that arrive shuffled and concurrently, and are sent again until they fit', async () => {
    const orders = Array.from({ length: 10 }, () => createEvents(5));
    const shuffled = orders.flat().sort(() => Math.random() - 0.5);
    await Promise.all(shuffled.map((event, index) => deliverUntilStored(index % 2 ? service : replica, event)));
    for (const events of orders) {
      const [{ orderID }] = events as [OrderEvent];
      assert.deepEqual(await stored(orderID), keysOf(events));
      assert.deepEqual(logged(orderID).sort(), [1, 2, 3, 4, 5]);
    }
  });

  it('refuses another event under a stored seq', async () => {
    const event = createEvent();
    await service.client.deliver(event);
    const others: Partial<OrderEvent>[] = [
      { eventID: randomUUID() },
      { user: newId() },
      { status: 'failed' },
      { at: new Date(event.at.getTime() + 1) },
    ];
    for (const other of others) await assertConflict(service.client.deliver({ ...event, ...other }), event);
    assert.deepEqual(await stored(event.orderID), keysOf([event]));
  });

  it('refuses an eventID that is stored for another order', async () => {
    const event = createEvent();
    await service.client.deliver(event);
    const other = createEvent({ eventID: event.eventID });
    await assertConflict(service.client.deliver(other), other);
    assert.deepEqual(await stored(other.orderID), []);
  });

  it('stores one of two concurrent events with the same seq and refuses the other', async () => {
    const event = createEvent();
    const rivals = [event, { ...event, eventID: randomUUID() }] as const;
    const outcomes = await Promise.allSettled([service.client.deliver(rivals[0]), replica.client.deliver(rivals[1])]);
    assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    const [refused] = outcomes.filter((outcome) => outcome.status === 'rejected');
    await assertConflict(Promise.reject(refused?.reason), event);
    assert.equal((await stored(event.orderID)).length, 1);
  });

  it('stores events of other orders while one order is stuck', async () => {
    const stuck = createEvent({ seq: 2 });
    const event = createEvent({ user: stuck.user });
    await assertOutOfOrder(service.client.deliver(stuck), { orderID: stuck.orderID, expectedSeq: 1 });
    assert.deepEqual(await service.client.deliver(event), {});
  });

  it('stores a batch of events of several orders, each once, and refuses none', async () => {
    const orders = [createEvents(3), createEvents(1), createEvents(2)];
    for (const client of [service.client, replica.client])
      assert.deepEqual(await client.deliverEvents({ events: orders.flat() }), { refused: [] });
    for (const events of orders) {
      const [{ orderID }] = events as [OrderEvent];
      assert.deepEqual(await stored(orderID), keysOf(events));
      assert.deepEqual(
        logged(orderID),
        events.map(({ seq }) => seq),
      );
    }
  });

  it('accepts the largest batch with the longest ids and trace contexts, also by two replicas at once in other orders', async () => {
    const trace = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
    const origin = { ...trace, requestID: 'r'.repeat(128), tracestate: `t=${'"'.repeat(510)}` };
    const orders = Array.from({ length: 125 }, () =>
      createEvents(4, { orderID: -(2n ** 62n) - BigInt(randomInt(2 ** 40)), user: -(2n ** 63n) }),
    );
    const deliverBatch = ({ client }: RunningService, batch: readonly OrderEvent[][]) =>
      client.deliverEvents({ events: batch.flat().map((event) => ({ ...event, ...origin })) });
    const answers = [deliverBatch(service, orders), deliverBatch(replica, orders.toReversed())];
    assert.deepEqual(await Promise.all(answers), [{ refused: [] }, { refused: [] }]);
    const { refused } = await deliverBatch(
      service,
      orders.map((events) => events.map((event) => ({ ...event, user: 1n }))),
    );
    assert.deepEqual(
      Map.groupBy(refused, ({ reason }) => reason)
        .keys()
        .toArray(),
      ['event_conflict', 'out_of_order'],
    );
    assert.equal(refused.length, 500);
  });

  it('refuses of a batch an event that does not fit and the later ones of its order, and no other', async () => {
    const [gap, conflict, failed, well] = [createEvents(4), createEvents(3), createEvents(3), createEvents(2)];
    const [early, stuck, behind] = [gap[0], gap[2], gap[3]] as [OrderEvent, OrderEvent, OrderEvent];
    const taken = createEvent();
    await service.client.deliver(taken);
    const [first, second, third] = conflict as [OrderEvent, OrderEvent, OrderEvent];
    const rival = { ...second, eventID: taken.eventID };
    const [fine, bad, last] = failed as [OrderEvent, OrderEvent, OrderEvent];
    await service.database.query(`ALTER TABLE notifications ADD CHECK (event_id <> '${bad.eventID}')`);
    const events = [early, stuck, behind, first, rival, third, fine, bad, last, ...well];
    const { refused } = await service.client.deliverEvents({ events });
    assert.deepEqual(
      refused.map(({ eventID, reason }) => [eventID, reason]),
      [
        [stuck.eventID, 'out_of_order'],
        [behind.eventID, 'out_of_order'],
        [rival.eventID, 'event_conflict'],
        [third.eventID, 'out_of_order'],
        [bad.eventID, 'failed'],
        [last.eventID, 'out_of_order'],
      ],
    );
    for (const kept of [[early], [first], [fine], well])
      assert.deepEqual(await stored((kept[0] as OrderEvent).orderID), keysOf(kept));
  });
});

const JSON_BODY = { 'content-type': 'application/json' };

async function assertOutOfOrder(call: Promise<unknown>, details: { orderID: bigint; expectedSeq: number }) {
  await assert.rejects(call, (error: RpcError) => {
    assert(failedWith(error, deliver, 'out_of_order'), String(error));
    assert.deepEqual(error.details, details);
    return true;
  });
}

async function assertConflict(call: Promise<unknown>, { orderID, seq }: OrderEvent) {
  await assert.rejects(call, (error: RpcError) => {
    assert(failedWith(error, deliver, 'event_conflict'), String(error));
    assert.deepEqual(error.details, { orderID, seq });
    return true;
  });
}

/** What a relay does with an event that came too early. */
async function deliverUntilStored({ client }: RunningService, event: OrderEvent): Promise<void> {
  for (;;) {
    try {
      await client.deliver(event);
      return;
    } catch (error) {
      if (!failedWith(error, deliver, 'out_of_order')) throw error;
      await sleep(Math.random() * 10);
    }
  }
}
