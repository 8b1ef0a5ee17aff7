import assert from 'node:assert/strict';
import sinon, { type SinonStub } from 'sinon';
import { AT } from '../../test/port-stubs.ts';
import {
  type ClaimedEvent,
  type ClaimedOrder,
  type EventPublisher,
  type EventQueue,
  PublisherUnavailable,
} from './event.ts';
import { createEventRelay } from './event-relay.ts';

function eventOf(eventID: string, attempts = 1, { orderID = 1n, seq = 1 } = {}): ClaimedEvent {
  return { eventID, orderID, seq, user: 1n, status: 'new', at: AT, attempts };
}

/** Orders of one event each. */
const single = (...events: readonly ClaimedEvent[]): ClaimedOrder[] => events.map((event) => [event]);

describe('The relay of events', () => {
  const [a, b, c] = [
    eventOf('a', 1, { orderID: 1n }),
    eventOf('b', 1, { orderID: 2n }),
    eventOf('c', 1, { orderID: 3n }),
  ];
  let advance: SinonStub<Parameters<EventQueue['advance']>, ReturnType<EventQueue['advance']>>;
  let postpone: SinonStub<Parameters<EventQueue['postpone']>, Promise<void>>;
  let release: SinonStub<Parameters<EventQueue['release']>, Promise<void>>;
  let publish: SinonStub<Parameters<EventPublisher['publish']>, Promise<void>>;
  let report: { onFailure: SinonStub; onDelivered: SinonStub; onWork: SinonStub };
  let stop: AbortController;
  beforeEach(() => {
    advance = sinon
      .stub<Parameters<EventQueue['advance']>, ReturnType<EventQueue['advance']>>()
      .resolves({ claimed: [], delaysMs: [] });
    advance.onFirstCall().resolves({ claimed: single(a, b, c), delaysMs: [] });
    postpone = sinon.stub<Parameters<EventQueue['postpone']>, Promise<void>>().resolves();
    release = sinon.stub<Parameters<EventQueue['release']>, Promise<void>>().resolves();
    publish = sinon.stub<Parameters<EventPublisher['publish']>, Promise<void>>().resolves();
    report = { onFailure: sinon.stub(), onDelivered: sinon.stub(), onWork: sinon.stub() };
    stop = new AbortController();
  });

  const open = () => createEventRelay({ advance, postpone, release }, { publish }, report);
  const acknowledged = (): (readonly string[])[] => advance.args.map(([deliveredIDs]) => deliveredIDs);
  const published = (): string[] => publish.args.map(([event]) => event.eventID);

  it('publishes each event that it claimed, then acknowledges them together, and reports their delays', async () => {
    advance.onSecondCall().resolves({ claimed: [], delaysMs: [5, 6, 7] });
    const relay = open();
    await relay.round(stop.signal);
    await relay.settle();
    assert.deepEqual(published(), ['a', 'b', 'c']);
    assert.deepEqual(acknowledged(), [[], ['a', 'b', 'c']]);
    assert.deepEqual(report.onDelivered.args, [[[]], [[5, 6, 7]]]);
    sinon.assert.notCalled(postpone);
    sinon.assert.notCalled(report.onFailure);
  });

  it('claims a bounded number of orders, for longer by far than a delivery may take', async () => {
    await open().round(stop.signal);
    sinon.assert.calledOnceWithExactly(advance, [], 32, 15_000, { signal: stop.signal });
  });

  it('asks for the next round when a delivery has ended', async () => {
    await open().round(stop.signal);
    await new Promise(setImmediate);
    sinon.assert.callCount(report.onWork, 3);
  });

  it('publishes the events of an order one after the other', async () => {
    const order: ClaimedOrder = [eventOf('1'), eventOf('2', 1, { seq: 2 }), eventOf('3', 1, { seq: 3 })];
    advance.onFirstCall().resolves({ claimed: [order], delaysMs: [] });
    const first = Promise.withResolvers<void>();
    publish.onFirstCall().returns(first.promise);
    const relay = open();
    await relay.round(stop.signal);
    await new Promise(setImmediate);
    assert.deepEqual(published(), ['1']);
    first.resolve();
    await relay.settle();
    assert.deepEqual(published(), ['1', '2', '3']);
    assert.deepEqual(acknowledged(), [[], ['1', '2', '3']]);
  });

  it('publishes nothing behind an event that failed, acknowledges what came before it, and postpones it', async () => {
    const failing = eventOf('2', 1, { seq: 2 });
    const order: ClaimedOrder = [eventOf('1'), failing, eventOf('3', 1, { seq: 3 })];
    advance.onFirstCall().resolves({ claimed: [order], delaysMs: [] });
    publish.withArgs(failing).rejects(new Error('no answer'));
    const relay = open();
    await relay.round(stop.signal);
    await relay.settle();
    assert.deepEqual(published(), ['1', '2']);
    assert.deepEqual(acknowledged(), [[], ['1']]);
    sinon.assert.calledOnceWithExactly(postpone, failing, 100, sinon.match.object);
  });

  it('postpones an event that could not be delivered, reports it, and acknowledges the others', async () => {
    const failure = new Error('no answer');
    publish.withArgs(b).rejects(failure);
    const relay = open();
    await relay.round(stop.signal);
    await relay.settle();
    assert.deepEqual(acknowledged(), [[], ['a', 'c']]);
    sinon.assert.calledOnceWithExactly(postpone, b, 100, sinon.match.object);
    sinon.assert.calledOnceWithExactly(report.onFailure, 'b', failure, 100);
  });

  it('doubles the delay with each failure of an event, up to half a minute', async () => {
    const attempts = [1, 2, 3, 4, 9, 10, 100, 2_000_000_000];
    const events = attempts.map((count, index) => eventOf(String(count), count, { orderID: BigInt(index) }));
    advance.onFirstCall().resolves({ claimed: single(...events), delaysMs: [] });
    publish.rejects(new Error('no answer'));
    const relay = open();
    await relay.round(stop.signal);
    await relay.settle();
    assert.deepEqual(
      attempts.map((count) => postpone.args.find(([{ eventID }]) => eventID === String(count))?.[1]),
      [100, 200, 400, 800, 25_600, 30_000, 30_000, 30_000],
    );
  });

  it('postpones an event for as long as the receiver asks', async () => {
    publish.withArgs(b).rejects(Object.assign(new Error('later'), { retryAfterMs: 60_000 }));
    const relay = open();
    await relay.round(stop.signal);
    await relay.settle();
    sinon.assert.calledOnceWithExactly(postpone, b, 60_000, sinon.match.object);
  });

  it('postpones events whose delivery is aborted by the end, and waits for that', async () => {
    publish.callsFake(
      (_event, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    );
    const relay = open();
    await relay.round(stop.signal);
    stop.abort(new Error('shutting down'));
    await relay.settle();
    assert.deepEqual(
      postpone.args.map(([{ eventID }, delayMs, { signal }]) => [eventID, delayMs, signal.aborted]),
      [
        ['a', 100, false],
        ['b', 100, false],
        ['c', 100, false],
      ],
    );
    assert.deepEqual(acknowledged(), [[]]);
  });

  describe('whose publisher is unavailable', () => {
    let clock: sinon.SinonFakeTimers;
    beforeEach(() => {
      clock = sinon.useFakeTimers({ toFake: ['performance'] });
      advance.resolves({ claimed: single(a), delaysMs: [] });
      publish.rejects(new PublisherUnavailable('no broker'));
    });
    afterEach(() => clock.restore());

    const limits = (): number[] => advance.args.map(([, limit]) => limit);
    async function roundAt(relay: ReturnType<typeof open>, ms: number): Promise<void> {
      clock.tick(ms);
      await relay.round(stop.signal);
      // The deliveries that it started end.
      await new Promise(setImmediate);
    }

    it('releases all events, and blames none of them', async () => {
      await roundAt(open(), 0);
      assert.deepEqual(
        release.args.map(([{ eventID }]) => eventID),
        ['a', 'b', 'c'],
      );
      sinon.assert.notCalled(postpone);
      sinon.assert.notCalled(report.onFailure);
    });

    it('tries one order only, less and less often, but every two seconds', async () => {
      const relay = open();
      await roundAt(relay, 0);
      for (const [index, pauseMs] of [100, 200, 400, 800, 1_600, 2_000, 2_000].entries()) {
        await roundAt(relay, pauseMs - 1);
        assert.deepEqual(limits(), [32, ...Array(index).fill(1)], `too early after ${pauseMs} ms`);
        await roundAt(relay, 1);
        assert.deepEqual(limits(), [32, ...Array(index + 1).fill(1)]);
      }
    });

    it('claims as many as ever once one was accepted', async () => {
      const relay = open();
      await roundAt(relay, 0);
      publish.resolves();
      await roundAt(relay, 100);
      await roundAt(relay, 0);
      assert.deepEqual(limits(), [32, 1, 32]);
    });
  });
});
