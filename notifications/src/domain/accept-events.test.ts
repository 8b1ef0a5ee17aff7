import assert from 'node:assert/strict';
import sinon from 'sinon';
import { acceptEvents } from './accept-events.ts';
import type { ArrivedEvent, Notification, Notifications, OrderEvent, QueuedNotification } from './ports.ts';

const AT = new Date('2026-11-20T09:00:00.250Z');
const context = new AbortController();

class FaultOfData extends Error {}

function eventOf(orderID: number, seq: number, given: Partial<OrderEvent> = {}): OrderEvent {
  return { eventID: `${orderID}/${seq}`, orderID: BigInt(orderID), seq, user: 1n, status: 'new', at: AT, ...given };
}

const arrivedOf = (event: OrderEvent): ArrivedEvent => ({
  event,
  process: (work) => work({ traceparent: `span of ${event.eventID}` }),
  within: (work) => work(),
});

/** Notifications in memory. The database refuses events with these ids, and an eventID that is in use. */
function createWorld({ unstorable = [] as readonly string[] } = {}) {
  const stored: Notification[] = [];
  let findFailure: Error | undefined;
  let addFailure: Error | undefined;
  const lastOf = (orderID: bigint): number => stored.filter((one) => one.orderID === orderID).length;
  const isUsed = (eventID: string): boolean => stored.some((one) => one.eventID === eventID);
  const check = ({ eventID }: Notification): void => {
    if (unstorable.includes(eventID)) throw new FaultOfData(eventID);
  };
  const notifications = {
    lastSeq: sinon.spy(async (orderID: bigint) => lastOf(orderID)),
    find: async (orderID: bigint, seq: number) => stored.find((one) => one.orderID === orderID && one.seq === seq),
    findAll: sinon.spy(async (keys: readonly Pick<Notification, 'orderID' | 'seq'>[]) => {
      if (findFailure) throw findFailure;
      return stored.filter((one) => keys.some(({ orderID, seq }) => one.orderID === orderID && one.seq === seq));
    }),
    add: sinon.spy(async (notification: Notification) => {
      if (addFailure) throw addFailure;
      check(notification);
      const fits = notification.seq === lastOf(notification.orderID) + 1 && !isUsed(notification.eventID);
      if (fits) stored.push(notification);
      return fits;
    }),
    addFitting: sinon.spy(async (batch: readonly QueuedNotification[]) => {
      const orders = [...Map.groupBy(batch, ({ orderID }) => orderID)];
      const fitting = orders.filter(([orderID, [first]]) => first?.seq === lastOf(orderID) + 1);
      for (const one of fitting.flatMap(([, own]) => own)) {
        check(one);
        if (isUsed(one.eventID)) throw new FaultOfData(one.eventID);
      }
      stored.push(...fitting.flatMap(([, own]) => own));
      return fitting.map(([orderID]) => orderID);
    }),
  } satisfies Notifications;
  const announce = sinon.stub<[Notification], void>();
  const ports = {
    notifications: () => notifications,
    announce,
    isFaultOfData: (error: unknown) => error instanceof FaultOfData,
  };
  return {
    notifications,
    failToFind(failure: Error) {
      findFailure = failure;
    },
    failToAdd(failure: Error) {
      addFailure = failure;
    },
    accept: (events: readonly OrderEvent[]) => acceptEvents(ports, events.map(arrivedOf), context),
    announced: () => announce.args.map(([{ eventID }]) => eventID),
    statements: () => [notifications.addFitting, notifications.findAll, notifications.add].map((one) => one.callCount),
  };
}

const refusals = (refused: Awaited<ReturnType<typeof acceptEvents>>) =>
  refused.map(({ eventID, reason }) => [eventID, reason]);

describe('acceptEvents', () => {
  it('stores and announces a batch by one statement, each event with its span', async () => {
    const world = createWorld();
    assert.deepEqual(await world.accept([eventOf(1, 1), eventOf(2, 1), eventOf(1, 2)]), []);
    assert.deepEqual(world.statements(), [1, 0, 0]);
    assert.deepEqual(world.announced(), ['1/1', '1/2', '2/1']);
    const [batch] = world.notifications.addFitting.args[0] as [readonly QueuedNotification[]];
    assert.deepEqual(
      batch.map(({ text, traceparent }) => [text, traceparent]),
      [
        ['Order 1 was received.', 'span of 1/1'],
        ['Order 1 was received.', 'span of 1/2'],
        ['Order 2 was received.', 'span of 2/1'],
      ],
    );
  });

  it('recognizes a batch that was stored before by two statements, and announces nothing again', async () => {
    const world = createWorld();
    const events = [1, 2, 3].flatMap((orderID) => [eventOf(orderID, 1), eventOf(orderID, 2)]);
    await world.accept(events);
    assert.deepEqual(await world.accept(events), []);
    assert.deepEqual(world.statements(), [2, 1, 0]);
    assert.equal(world.announced().length, events.length);
  });

  it('handles only the order one by one that has repeated and new events', async () => {
    const world = createWorld();
    await world.accept([eventOf(1, 1)]);
    assert.deepEqual(await world.accept([eventOf(1, 1), eventOf(1, 2), eventOf(2, 1), eventOf(3, 1)]), []);
    assert.equal(world.notifications.add.callCount, 2);
    assert.deepEqual(world.announced().toSorted(), ['1/1', '1/2', '2/1', '3/1']);
  });

  it('refuses an event behind a gap and the later ones of its order', async () => {
    const world = createWorld();
    const refused = await world.accept([eventOf(1, 1), eventOf(1, 3), eventOf(1, 4), eventOf(2, 2), eventOf(3, 1)]);
    assert.deepEqual(refusals(refused), [
      ['1/3', 'out_of_order'],
      ['1/4', 'out_of_order'],
      ['2/2', 'out_of_order'],
    ]);
    assert.deepEqual(world.announced().toSorted(), ['1/1', '3/1']);
  });

  it('refuses an event that contradicts a stored one', async () => {
    const world = createWorld();
    await world.accept([eventOf(1, 1)]);
    const refused = await world.accept([eventOf(1, 1, { user: 2n }), eventOf(1, 2), eventOf(2, 1, { eventID: '1/1' })]);
    assert.deepEqual(refusals(refused), [
      ['1/1', 'event_conflict'],
      ['1/2', 'out_of_order'],
      ['1/1', 'event_conflict'],
    ]);
  });

  it('gives an eventID that two orders use to the event that arrived first', async () => {
    const world = createWorld();
    const events = [eventOf(1, 1), eventOf(1, 1), eventOf(2, 1, { eventID: '1/1' }), eventOf(2, 2), eventOf(3, 1)];
    assert.deepEqual(refusals(await world.accept(events)), [
      ['1/1', 'event_conflict'],
      ['2/2', 'out_of_order'],
    ]);
    assert.deepEqual(world.announced().toSorted(), ['1/1', '3/1']);
  });

  it('isolates an event that the database refuses in few statements', async () => {
    const world = createWorld({ unstorable: ['70/2'] });
    const events = Array.from({ length: 100 }, (_, index) => [1, 2, 3].map((seq) => eventOf(index, seq))).flat();
    assert.deepEqual(refusals(await world.accept(events)), [
      ['70/2', 'failed'],
      ['70/3', 'out_of_order'],
    ]);
    assert.equal(world.announced().length, 298);
    assert.ok(world.notifications.addFitting.callCount <= 2 * Math.log2(128) + 1);
    assert.equal(world.notifications.add.callCount, 2, 'only its order one by one');
  });

  it('announces what was stored although a later statement fails', async () => {
    const world = createWorld();
    const failure = new Error('the database is unavailable');
    world.failToFind(failure);
    await assert.rejects(world.accept([eventOf(1, 1), eventOf(2, 2)]), failure);
    assert.deepEqual(world.announced(), ['1/1']);
  });

  it('blames no event for a database that fails while an order is handled one by one', async () => {
    const world = createWorld();
    const failure = new Error('the database is unavailable');
    await world.accept([eventOf(1, 1)]);
    world.failToAdd(failure);
    await assert.rejects(world.accept([eventOf(1, 1), eventOf(1, 2), eventOf(2, 1)]), failure);
    assert.deepEqual(world.announced(), ['1/1', '2/1']);
  });
});
