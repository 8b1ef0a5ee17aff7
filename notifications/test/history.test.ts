import assert from 'node:assert/strict';
import type { OrderEvent } from 'loms/contract.ts';
import type { ParamsOf, ResultOf } from 'rpc-kit';
import { createTestDatabase, type TestDatabase } from 'testing';
import type { notifications } from '../contract.ts';
import { createEvent, createEvents, newId } from './order-events.ts';
import { type RunningService, startService } from './running-service.ts';

type HistoryParams = ParamsOf<typeof notifications.methods.history>;
type HistoryEntry = ResultOf<typeof notifications.methods.history>['notifications'][number];

describe('history', () => {
  let testDatabase: TestDatabase;
  let service: RunningService;

  before(async () => {
    testDatabase = await createTestDatabase('notifications');
    service = await startService(testDatabase.url);
  });

  after(async () => {
    await service[Symbol.asyncDispose]();
    await testDatabase[Symbol.asyncDispose]();
  });

  async function deliverAll(events: readonly OrderEvent[]): Promise<void> {
    for (const event of events) await service.client.deliver(event);
  }

  /** Every page up to the last one; the number of pages is bounded, so that a cursor that does not advance fails the test. */
  async function readPages(params: HistoryParams, pagesMax: number): Promise<HistoryEntry[][]> {
    const pages: HistoryEntry[][] = [];
    let cursor: string | undefined;
    do {
      assert(pages.length < pagesMax, 'there are more pages than notifications');
      const page = await service.client.history({ ...params, cursor });
      pages.push(page.notifications);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return pages;
  }

  it('answers an empty page without a cursor for a user without notifications', async () => {
    assert.deepEqual(await service.client.history({ user: newId(), limit: 10 }), { notifications: [] });
  });

  it('shows what was delivered, newest first', async () => {
    const user = newId();
    const [made, waiting] = createEvents(2, { user, orderID: 7n }) as [OrderEvent, OrderEvent];
    await deliverAll([made, { ...waiting, status: 'awaiting payment' }]);
    const { notifications: found } = await service.client.history({ user, limit: 10 });
    assert.deepEqual(found, [
      { orderID: 7n, seq: 2, status: 'awaiting payment', at: waiting.at, text: 'Order 7 waits for payment.' },
      { orderID: 7n, seq: 1, status: 'new', at: made.at, text: 'Order 7 was received.' },
    ]);
  });

  it("shows no other user's notifications", async () => {
    const [mine, other] = [createEvent(), createEvent()];
    await deliverAll([mine, other]);
    const { notifications: found } = await service.client.history({ user: mine.user, limit: 10 });
    assert.deepEqual(
      found.map(({ orderID }) => orderID),
      [mine.orderID],
    );
  });

  it('treats from as inclusive and to as exclusive', async () => {
    const [first, second, third] = createEvents(3) as [OrderEvent, OrderEvent, OrderEvent];
    const { user } = first;
    await deliverAll([first, second, third]);
    const seqsFound = async (period: Pick<HistoryParams, 'from' | 'to'>) =>
      (await service.client.history({ user, limit: 10, ...period })).notifications.map(({ seq }) => seq);
    assert.deepEqual(await seqsFound({ from: second.at }), [3, 2]);
    assert.deepEqual(await seqsFound({ to: second.at }), [1]);
    assert.deepEqual(await seqsFound({ from: first.at, to: third.at }), [2, 1]);
    assert.deepEqual(await seqsFound({ from: second.at, to: new Date(second.at.getTime() + 1) }), [2]);
    assert.deepEqual(await seqsFound({ from: second.at, to: second.at }), []);
  });

  it('returns a cursor only if another page follows', async () => {
    const events = createEvents(3);
    const [{ user }] = events as [OrderEvent];
    await deliverAll(events);
    assert.equal(typeof (await service.client.history({ user, limit: 2 })).nextCursor, 'string');
    assert.equal((await service.client.history({ user, limit: 3 })).nextCursor, undefined);
  });

  it('shows no notification twice if new ones arrive between two pages', async () => {
    const events = createEvents(5);
    const [{ user }] = events as [OrderEvent];
    await deliverAll(events.slice(0, 4));
    const { nextCursor } = await service.client.history({ user, limit: 2 });
    await deliverAll(events.slice(4));
    const { notifications: older } = await service.client.history({ user, limit: 10, cursor: nextCursor });
    assert.deepEqual(
      older.map(({ seq }) => seq),
      [2, 1],
    );
  });

  it('keeps ids at the ends of int64 exactly, in JSON text on both faces', async () => {
    const [low, high] = ['-9223372036854775808', '9223372036854775807'];
    for (const [user, orderID] of [
      [high, low],
      [low, high],
    ]) {
      const { eventID } = createEvent();
      const params = `{"eventID":"${eventID}","orderID":${orderID},"seq":1,"user":${user},"status":"payed","at":"2026-11-20T09:00:00.250Z"}`;
      assert.deepEqual(await post('/deliver', params), { status: 200, text: '{}' });
      const entry = `{"notifications":[{"orderID":${orderID},"seq":1,"status":"payed","at":"2026-11-20T09:00:00.250Z","text":"Order ${orderID} is paid."}]}`;
      assert.deepEqual(await post('/history', `{"user":${user}}`), { status: 200, text: entry });
      const call = `{"jsonrpc":"2.0","id":${high},"method":"history","params":{"user":${user}}}`;
      const answer = await post('/rpc', call);
      assert(answer.text.includes(`"result":${entry}`), answer.text);
      assert(answer.text.includes(`"id":${high}`), answer.text);
    }
  });

  it('keeps the earliest and the latest time of the wire, and pages between them', async () => {
    const user = newId();
    const ends = ['0000-01-01T00:00:00.000Z', '0000-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'];
    await deliverAll(ends.map((at) => createEvent({ user, at: new Date(at) })));
    const pages = await readPages({ user, from: new Date(ends[0] as string), limit: 1 }, 4);
    assert.deepEqual(
      pages.flat().map(({ at }) => at.toISOString()),
      ends.toReversed(),
    );
  });

  const mistakes: Record<string, { params: string; path: string }> = {
    'a cursor that is not ours': { params: '{"user":1,"cursor":"MTc2MzYyOTIwMTI1MHwxfDM"}', path: 'cursor' },
    'an empty cursor': { params: '{"user":1,"cursor":""}', path: 'cursor' },
    'a cursor with NUL': { params: '{"user":1,"cursor":"WyI\\u0000"}', path: 'cursor' },
    'a cursor with half of a surrogate pair': { params: '{"user":1,"cursor":"WyI\\ud800"}', path: 'cursor' },
    'a from finer than a millisecond': { params: '{"user":1,"from":"2026-01-01T00:00:00.0001Z"}', path: 'from' },
    'a to finer than a millisecond': { params: '{"user":1,"to":"2026-01-01T00:00:00.000000001+01:00"}', path: 'to' },
    'a to before from by a millisecond, in another zone': {
      params: '{"user":1,"from":"2026-01-01T00:00:00.001Z","to":"2026-01-01T01:00:00+01:00"}',
      path: 'to',
    },
    'a to before from': {
      params: '{"user":1,"from":"2026-01-02T00:00:00Z","to":"2026-01-01T00:00:00Z"}',
      path: 'to',
    },
    'a limit of 0': { params: '{"user":1,"limit":0}', path: 'limit' },
    'a limit above the largest page': { params: '{"user":1,"limit":101}', path: 'limit' },
    'a user beyond int64': { params: '{"user":9223372036854775808}', path: 'user' },
  };
  for (const [what, { params, path }] of Object.entries(mistakes)) {
    it(`refuses ${what}`, async () => {
      const { status, text } = await post('/history', params);
      const { error } = JSON.parse(text);
      assert.equal(status, 400);
      assert.equal(error.code, 'invalid_params');
      assert.equal(error.details.issues[0].path, path);
    });
  }

  it('pages without repeats or holes over equal times, whatever the period and the page size', async () => {
    const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));
    console.log(`      seed ${seed}; SEED=${seed} repeats it`);
    const random = createRandom(seed);
    for (let round = 0; round < 20; round++) {
      const events = randomEvents(random);
      const [{ user }] = events as [OrderEvent];
      await deliverAll(events);
      const [one, other] = [randomTime(random), randomTime(random)].sort((a, b) => a.getTime() - b.getTime());
      const from = random() < 0.5 ? one : undefined;
      const to = random() < 0.5 ? other : undefined;
      const limit = 1 + Math.floor(random() * 7);
      const pages = await readPages({ user, from, to, limit }, events.length + 1);
      assert.deepEqual(pages.flat().map(placeOf), expectedHistory(events, from, to).map(placeOf), `seed ${seed}`);
      for (const page of pages.slice(0, -1)) assert.equal(page.length, limit, `seed ${seed}`);
    }
  });

  async function post(path: string, body: string): Promise<{ status: number; text: string }> {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${service.url}${path}`, { method: 'POST', body, headers });
    return { status: answer.status, text: await answer.text() };
  }
});

const placeOf = ({ orderID, seq, at }: Pick<OrderEvent, 'orderID' | 'seq' | 'at'>) =>
  `${at.toISOString()} ${orderID} ${seq}`;

/** What history has to show, said again without a database. */
function expectedHistory(events: readonly OrderEvent[], from: Date | undefined, to: Date | undefined): OrderEvent[] {
  const descending = <T extends bigint | number>(a: T, b: T): number => (a < b ? 1 : a > b ? -1 : 0);
  return events
    .filter(({ at }) => (!from || at >= from) && (!to || at < to))
    .sort(
      (a, b) =>
        descending(a.at.getTime(), b.at.getTime()) || descending(a.orderID, b.orderID) || descending(a.seq, b.seq),
    );
}

/** One user's events of some orders, at so few times that many are equal. */
function randomEvents(random: () => number): OrderEvent[] {
  const user = randomId(random);
  const orders = Array.from({ length: 1 + Math.floor(random() * 6) }, () =>
    createEvents(1 + Math.floor(random() * 5), { user, orderID: randomId(random), at: randomTime(random) }),
  );
  return orders.flat().map((event) => (random() < 0.5 ? event : { ...event, at: randomTime(random) }));
}

function randomId(random: () => number): bigint {
  const half = (): bigint => BigInt(Math.floor(random() * 2 ** 32));
  return BigInt.asIntN(64, (half() << 32n) | half());
}

function randomTime(random: () => number): Date {
  return new Date(Date.parse('2026-11-20T09:00:00.000Z') + Math.floor(random() * 4));
}

/** mulberry32: small, and the same numbers from the same seed everywhere. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
