import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { Notification, OrderEvent } from '../domain/ports.ts';
import { type Batch, consumeBatch } from './consume-batch.ts';
import {
  type ConsumerRepositories,
  type ConsumerStore,
  type DeadLetter,
  type Message,
  PartitionMoved,
} from './ports.ts';
import { replayOrder } from './replay-order.ts';

const AT = new Date('2026-11-20T09:00:00.250Z');
const context = { signal: new AbortController().signal };

function eventOf(orderID: bigint, seq: number): OrderEvent {
  return { eventID: `${orderID}/${seq}`, orderID, seq, user: 1n, status: 'new', at: AT };
}

function messageOf(offset: bigint, content: OrderEvent | string, orderID?: bigint): Message {
  const isEvent = typeof content !== 'string';
  return {
    offset,
    orderID: orderID ?? (isEvent ? content.orderID : undefined),
    key: undefined,
    value: undefined,
    headers: {},
    content: isEvent ? { event: content } : { reason: 'malformed', message: content },
    process: (work) => work({ traceparent: `span of ${offset}`, tracestate: 'vendor=1' }),
    within: (work) => work(),
  };
}

/** A store in memory, without rollback. */
function createWorld({ offset = 0n, letters = [] as DeadLetter[] } = {}) {
  const stored: Notification[] = [];
  const dead = [...letters];
  const position = { offset };
  const repositories: ConsumerRepositories = {
    notifications: {
      lastSeq: async (orderID) => Math.max(0, ...stored.filter((one) => one.orderID === orderID).map(({ seq }) => seq)),
      find: async (orderID, seq) => stored.find((one) => one.orderID === orderID && one.seq === seq),
      findAll: async (keys) =>
        stored.filter((one) => keys.some(({ orderID, seq }) => one.orderID === orderID && one.seq === seq)),
      async addFitting(batch) {
        const lastOf = (orderID: bigint) => stored.filter((one) => one.orderID === orderID).length;
        const orders = Map.groupBy(batch, ({ orderID }) => orderID);
        const fitting = [...orders].filter(([orderID, [first]]) => first?.seq === lastOf(orderID) + 1);
        for (const [, own] of fitting) stored.push(...own);
        return fitting.map(([orderID]) => orderID);
      },
      async add(notification) {
        const seqs = stored.filter(({ orderID }) => orderID === notification.orderID).map(({ seq }) => seq);
        const isNext = notification.seq === seqs.length + 1;
        if (isNext) stored.push(notification);
        return isNext;
      },
    },
    offsets: {
      async move(_partition, from, to) {
        if (position.offset !== from) return false;
        position.offset = to;
        return true;
      },
    },
    deadLetters: {
      findBlocked: async (orderIDs) => orderIDs.filter((orderID) => dead.some((letter) => letter.orderID === orderID)),
      add: async (added) => void dead.push(...added),
      lock: async (orderID) => dead.filter((letter) => letter.orderID === orderID),
      async remove({ offset }) {
        const index = dead.findIndex((letter) => letter.offset === offset);
        dead.splice(index, 1);
      },
      async explain(letter) {
        dead.splice(
          dead.findIndex(({ offset }) => offset === letter.offset),
          1,
          letter,
        );
      },
    },
  };
  const store = {
    storeBatch: sinon.stub<Parameters<ConsumerStore['storeBatch']>, Promise<boolean>>().resolves(false),
    transaction: sinon.spy((work: (repositories: ConsumerRepositories) => Promise<never>) => work(repositories)),
    readOffset: async () => position.offset,
  };
  const announce = sinon.stub<[Notification], void>();
  return {
    ports: { store: store as ConsumerStore, announce },
    store,
    stored,
    dead,
    position,
    sent: () => announce.args.map(([{ eventID }]) => eventID),
  };
}

const batchOf = (messages: readonly Message[], from = 0n): Batch => ({
  topic: 'events',
  partition: 0,
  from,
  to: from + BigInt(messages.length),
  messages,
});

describe('consumeBatch', () => {
  it('stores the events, moves the offset behind them, and announces them in order', async () => {
    const world = createWorld({ offset: 5n });
    const messages = [eventOf(1n, 1), eventOf(2n, 1), eventOf(1n, 2)].map((event, index) =>
      messageOf(5n + BigInt(index), event),
    );
    const consumed = await consumeBatch(world.ports, batchOf(messages, 5n), context);
    assert.deepEqual(world.sent(), ['1/1', '2/1', '1/2']);
    assert.equal(consumed.stored.length, 3);
    assert.equal(world.position.offset, 8n);
  });

  it('stores a batch without exceptions by one statement', async () => {
    const world = createWorld();
    world.store.storeBatch.resolves(true);
    const events = [eventOf(1n, 7), eventOf(2n, 1), eventOf(1n, 8)];
    const batch = batchOf(events.map((event, index) => messageOf(BigInt(index), event)));
    const consumed = await consumeBatch(world.ports, batch, context);
    const notifications = events.map((event) => ({ ...event, text: `Order ${event.orderID} was received.` }));
    const queued = notifications.map((notification, index) => ({
      ...notification,
      traceparent: `span of ${index}`,
      tracestate: 'vendor=1',
    }));
    sinon.assert.calledOnceWithExactly(world.store.storeBatch, batch, queued, context);
    sinon.assert.notCalled(world.store.transaction);
    assert.deepEqual(consumed, { stored: notifications, dead: [] });
    assert.deepEqual(world.sent(), ['1/7', '2/1', '1/8']);
  });

  it('keeps the span of each message open until all of them are stored', async () => {
    const world = createWorld();
    const stored = Promise.withResolvers<boolean>();
    world.store.storeBatch.returns(stored.promise);
    const over = sinon.spy();
    const messages = [1n, 2n].map((orderID, index): Message => {
      const message = messageOf(BigInt(index), eventOf(orderID, 1));
      return { ...message, process: (work) => message.process(work).finally(over) };
    });
    const consuming = consumeBatch(world.ports, batchOf(messages), context);
    await new Promise(setImmediate);
    sinon.assert.notCalled(over);
    stored.resolve(true);
    await consuming;
    sinon.assert.calledTwice(over);
  });

  const unusual: Record<string, readonly Message[]> = {
    'one cannot be read': [messageOf(0n, eventOf(1n, 1)), messageOf(1n, 'no JSON', 2n)],
    'one is repeated': [messageOf(0n, eventOf(1n, 1)), messageOf(1n, eventOf(1n, 1))],
    'one is missing between two of an order': [messageOf(0n, eventOf(1n, 1)), messageOf(1n, eventOf(1n, 3))],
  };
  for (const [what, messages] of Object.entries(unusual)) {
    it(`stores messages in a transaction if ${what}`, async () => {
      const world = createWorld();
      await consumeBatch(world.ports, batchOf(messages), context);
      sinon.assert.notCalled(world.store.storeBatch);
      sinon.assert.calledOnce(world.store.transaction);
      assert.equal(world.position.offset, 2n);
    });
  }

  it('stores nothing if the stored offset is not the beginning of the batch', async () => {
    const world = createWorld({ offset: 6n });
    await assert.rejects(
      consumeBatch(world.ports, batchOf([messageOf(5n, eventOf(1n, 1))], 5n), context),
      PartitionMoved,
    );
    assert.deepEqual(world.stored, []);
    assert.deepEqual(world.sent(), []);
  });

  it('makes dead letters of refused events, parks the later ones of their orders, and stores the others', async () => {
    const world = createWorld();
    const messages = [
      messageOf(0n, eventOf(1n, 2)),
      messageOf(1n, eventOf(2n, 1)),
      messageOf(2n, eventOf(1n, 1)),
      messageOf(3n, 'no JSON', 3n),
      messageOf(4n, eventOf(3n, 1)),
      messageOf(5n, 'no key'),
      messageOf(6n, eventOf(2n, 1)),
      messageOf(7n, { ...eventOf(2n, 1), user: 2n }),
    ];
    await consumeBatch(world.ports, batchOf(messages), context);
    assert.deepEqual(
      world.dead.map(({ offset, orderID, reason }) => [offset, orderID, reason]),
      [
        [0n, 1n, 'out_of_order'],
        [2n, 1n, 'parked'],
        [3n, 3n, 'malformed'],
        [4n, 3n, 'parked'],
        [5n, undefined, 'malformed'],
        [7n, 2n, 'conflict'],
      ],
    );
    assert.deepEqual(world.sent(), ['2/1']);
  });

  it('skips a stored event of a blocked order', async () => {
    const world = createWorld();
    await consumeBatch(
      world.ports,
      batchOf([eventOf(1n, 1), eventOf(1n, 3)].map((event, i) => messageOf(BigInt(i), event))),
      context,
    );
    await consumeBatch(world.ports, batchOf([messageOf(2n, eventOf(1n, 1))], 2n), context);
    assert.deepEqual(
      world.dead.map(({ offset }) => offset),
      [1n],
    );
  });

  it('fails as the database fails', async () => {
    const world = createWorld();
    const failure = new Error('unavailable');
    world.store.storeBatch.rejects(failure);
    await assert.rejects(consumeBatch(world.ports, batchOf([messageOf(0n, eventOf(1n, 1))]), context), failure);
    const store = { ...createWorld().ports.store, transaction: () => Promise.reject(failure) };
    await assert.rejects(consumeBatch({ ...world.ports, store }, batchOf([]), context), failure);
    const broken = createWorld();
    broken.ports.store.transaction = async (work) => {
      const notifications = { lastSeq: () => Promise.reject(failure), find: sinon.stub(), add: sinon.stub() };
      const offsets = { move: async () => true };
      const deadLetters = { findBlocked: async () => [] };
      return work({ notifications, offsets, deadLetters } as never);
    };
    await assert.rejects(consumeBatch(broken.ports, batchOf([messageOf(0n, eventOf(1n, 1))]), context), failure);
  });
});

describe('replayOrder', () => {
  const letterOf = ({ offset, orderID }: Message): DeadLetter => ({
    ...{ topic: 'events', partition: 0, offset, orderID },
    ...{ key: undefined, value: undefined, headers: {}, reason: 'parked', message: 'waits' },
  });

  it('stores letters by seq, whatever their order, and leaves unreadable ones', async () => {
    const messages = [eventOf(1n, 3), 'no JSON', eventOf(1n, 1), eventOf(1n, 2), eventOf(1n, 2), eventOf(1n, 9)].map(
      (content, index) => messageOf(BigInt(index), content, 1n),
    );
    const world = createWorld({ letters: messages.map(letterOf) });
    const read = ({ offset }: DeadLetter) => messages[Number(offset)] as Message;
    const replayed = await replayOrder({ ...world.ports, read }, 1n, context);
    assert.deepEqual(
      replayed.map(({ letter, outcome }) => [letter.offset, outcome, letter.reason]),
      [
        [2n, 'taken', 'parked'],
        [3n, 'taken', 'parked'],
        [4n, 'taken before', 'parked'],
        [0n, 'taken', 'parked'],
        [5n, 'stays dead', 'out_of_order'],
        [1n, 'stays dead', 'malformed'],
      ],
    );
    assert.deepEqual(world.sent(), ['1/1', '1/2', '1/3']);
    assert.deepEqual(
      world.dead.map(({ offset, reason }) => [offset, reason]),
      [
        [1n, 'malformed'],
        [5n, 'out_of_order'],
      ],
    );
  });
});
