import assert from 'node:assert/strict';
import sinon, { type SinonStub } from 'sinon';
import { AT } from '../../test/port-stubs.ts';
import { type ClaimedEvent, type EventPublisher, type EventQueue, PublisherUnavailable } from './event.ts';
import { createEventRelay } from './event-relay.ts';

function eventOf(eventID: string, attempts = 1, { orderID = 1n, seq = 1 } = {}): ClaimedEvent {
  return { eventID, orderID, seq, user: 1n, status: 'new', at: AT, attempts };
}

describe('The relay of events', () => {
  const [a, b, c] = [
    eventOf('a', 1, { orderID: 1n }),
    eventOf('b', 1, { orderID: 2n }),
    eventOf('c', 1, { orderID: 3n }),
  ];
  let advance: SinonStub<Parameters<EventQueue['advance']>, ReturnType<EventQueue['advance']>>;
  let postpone: SinonStub<Parameters<EventQueue['postpone']>, Promise<void>>;
  let release: SinonStub<Parameters<EventQueue['release']>, Promise<void>>;
  let publish: SinonStub<Parameters<EventPublisher['publish']>, ReturnType<EventPublisher['publish']>>;
  let report: { onFailure: SinonStub; onDelivered: SinonStub; onWork: SinonStub };
  let stop: AbortController;
  beforeEach(() => {
    advance = sinon
      .stub<Parameters<EventQueue['advance']>, ReturnType<EventQueue['advance']>>()
      .resolves({ claimed: [], delaysMs: [] });
    claim(a, b, c);
    postpone = sinon.stub<Parameters<EventQueue['postpone']>, Promise<void>>().resolves();
    release = sinon.stub<Parameters<EventQueue['release']>, Promise<void>>().resolves();
    publish = sinon.stub<Parameters<EventPublisher['publish']>, ReturnType<EventPublisher['publish']>>().resolves([]);
    report = { onFailure: sinon.stub(), onDelivered: sinon.stub(), onWork: sinon.stub() };
    stop = new AbortController();
  });

  const open = () => createEventRelay({ advance, postpone, release }, { publish }, report);
  const claim = (...events: ClaimedEvent[]) => advance.onFirstCall().resolves({ claimed: events, delaysMs: [] });
  /** One round, until its deliveries are acknowledged. */
  async function runOnce(): Promise<void> {
    const relay = open();
    await relay.round(stop.signal);
    await relay.settle();
  }
  const acknowledged = (): (readonly string[])[] => advance.args.map(([deliveredIDs]) => deliveredIDs);
  const published = (): string[][] => publish.args.map(([events]) => events.map(({ eventID }) => eventID));
  const postponed = () => postpone.args.flatMap(([events]) => events.map(({ event, delayMs }) => [event, delayMs]));

  it('publishes all events that it claimed as one batch, acknowledges them together, and reports their delays', async () => {
    advance.onSecondCall().resolves({ claimed: [], delaysMs: [5, 6, 7] });
    await runOnce();
    assert.deepEqual(published(), [['a', 'b', 'c']]);
    assert.deepEqual(acknowledged(), [[], ['a', 'b', 'c']]);
    assert.deepEqual(report.onDelivered.args, [[[]], [[5, 6, 7]]]);
    sinon.assert.notCalled(postpone);
    sinon.assert.notCalled(report.onFailure);
  });

  it('claims a bounded number of orders, for longer by far than a delivery may take', async () => {
    await open().round(stop.signal);
    sinon.assert.calledOnceWithExactly(advance, [], 125, 15_000, { signal: stop.signal });
  });

  it('asks for the next round when a delivery has ended', async () => {
    await open().round(stop.signal);
    await new Promise(setImmediate);
    sinon.assert.callCount(report.onWork, 1);
  });

  it('claims the next batch while one is delivered, and no third one', async () => {
    advance.onSecondCall().resolves({ claimed: [c], delaysMs: [] });
    publish.returns(new Promise(() => {}));
    const relay = open();
    for (let round = 0; round < 3; round++) await relay.round(stop.signal);
    sinon.assert.calledTwice(advance);
    sinon.assert.calledTwice(publish);
  });

  it('goes on at once after a claim of as many orders as it may take, and else when more is due', async () => {
    claim(...Array.from({ length: 125 }, (_, index) => eventOf(String(index), 1, { orderID: BigInt(index) })));
    advance.onSecondCall().resolves({ claimed: [a], delaysMs: [], dueMs: 70 });
    publish.resolves([]);
    const relay = open();
    assert.equal(await relay.round(stop.signal), true);
    await new Promise(setImmediate);
    assert.equal(await relay.round(stop.signal), 70);
    await new Promise(setImmediate);
    assert.equal(await relay.round(stop.signal), false);
  });

  it('lets more commits share a claim the more events the last one had, unless orders are left', async () => {
    const sizes = [0, 5, 60, 200];
    for (const [index, size] of sizes.entries()) {
      const events = Array.from({ length: size }, (_, seq) => eventOf(`${seq}`, 1, { seq }));
      advance.onCall(index).resolves({ claimed: events, delaysMs: [] });
    }
    const orders = Array.from({ length: 125 }, (_, order) => eventOf(`${order}`, 1, { orderID: BigInt(order) }));
    advance.onCall(sizes.length).resolves({ claimed: orders, delaysMs: [] });
    const relay = open();
    const paces: number[] = [];
    for (let round = 0; round <= sizes.length; round++) {
      await relay.round(stop.signal);
      await new Promise(setImmediate);
      paces.push(relay.paceMs());
    }
    assert.deepEqual(paces, [20, 25, 80, 100, 20]);
  });

  it('acknowledges of an order what came before an event that failed, and postpones that event', async () => {
    const [first, failing, last] = [1, 2, 3].map((seq) => eventOf(String(seq), 1, { seq })) as [
      ClaimedEvent,
      ClaimedEvent,
      ClaimedEvent,
    ];
    claim(first, failing, last, b);
    const failure = new Error('refused');
    publish.resolves([{ event: failing, error: failure }]);
    await runOnce();
    assert.deepEqual(acknowledged(), [[], ['1', 'b']]);
    assert.deepEqual(postponed(), [[failing, 100]]);
    sinon.assert.calledOnceWithExactly(report.onFailure, '2', failure, 100);
  });

  it('blames of an order the first event that failed, whatever its publisher says of those behind it', async () => {
    const [first, second] = [1, 2].map((seq) => eventOf(String(seq), 1, { seq })) as [ClaimedEvent, ClaimedEvent];
    claim(first, second);
    const error = new Error('refused');
    publish.resolves([second, first].map((event) => ({ event, error })));
    await runOnce();
    assert.deepEqual(postponed(), [[first, 100]]);
    sinon.assert.calledOnce(report.onFailure);
  });

  it('doubles the delay with each failure of an event, up to half a minute', async () => {
    const attempts = [1, 2, 3, 4, 9, 10, 100, 2_000_000_000];
    const events = attempts.map((count, index) => eventOf(String(count), count, { orderID: BigInt(index) }));
    claim(...events);
    publish.resolves(events.map((event) => ({ event, error: new Error('refused') })));
    await runOnce();
    assert.deepEqual(
      postponed().map(([, delayMs]) => delayMs),
      [100, 200, 400, 800, 25_600, 30_000, 30_000, 30_000],
    );
    sinon.assert.calledOnce(postpone);
  });

  it('postpones an event for as long as the receiver asks', async () => {
    publish.resolves([{ event: b, error: Object.assign(new Error('later'), { retryAfterMs: 60_000 }) }]);
    await runOnce();
    assert.deepEqual(postponed(), [[b, 60_000]]);
  });

  it('releases events whose delivery is aborted by the end, and waits for that', async () => {
    publish.callsFake(
      (_events, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    );
    const relay = open();
    await relay.round(stop.signal);
    stop.abort(new Error('shutting down'));
    await relay.settle();
    const [[events, { signal }] = [[], never]] = release.args;
    assert.deepEqual([events, signal.aborted], [[a, b, c], false]);
    assert.deepEqual(acknowledged(), [[]]);
  });

  describe('whose publisher is unavailable', () => {
    let clock: sinon.SinonFakeTimers;
    beforeEach(() => {
      clock = sinon.useFakeTimers({ toFake: ['performance'] });
      advance.resolves({ claimed: [a], delaysMs: [] });
      publish.rejects(new PublisherUnavailable('no broker'));
    });
    afterEach(() => clock.restore());

    const limits = (): number[] => advance.args.map(([, limit]) => limit);
    async function roundAt(relay: ReturnType<typeof open>, ms: number): Promise<boolean | number> {
      clock.tick(ms);
      const more = await relay.round(stop.signal);
      // The deliveries that it started end.
      await new Promise(setImmediate);
      return more;
    }

    it('releases all events, and blames none of them', async () => {
      await roundAt(open(), 0);
      assert.deepEqual(release.args[0]?.[0], [a, b, c]);
      sinon.assert.notCalled(postpone);
      sinon.assert.notCalled(report.onFailure);
    });

    it('tries one order only, less and less often, but every two seconds', async () => {
      const relay = open();
      await roundAt(relay, 0);
      for (const [index, pauseMs] of [100, 200, 400, 800, 1_600, 2_000, 2_000].entries()) {
        assert.equal(await roundAt(relay, pauseMs - 1), 1, 'the next round is due in a millisecond');
        assert.deepEqual(limits(), [125, ...Array(index).fill(1)], `too early after ${pauseMs} ms`);
        await roundAt(relay, 1);
        assert.deepEqual(limits(), [125, ...Array(index + 1).fill(1)]);
      }
    });

    it('claims as many as ever once one was accepted', async () => {
      const relay = open();
      await roundAt(relay, 0);
      publish.resolves([]);
      await roundAt(relay, 100);
      await roundAt(relay, 0);
      assert.deepEqual(limits(), [125, 1, 125]);
    });
  });
});

const never = new AbortController();
