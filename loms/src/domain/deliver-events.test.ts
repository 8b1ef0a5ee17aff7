import assert from 'node:assert/strict';
import sinon, { type SinonStub } from 'sinon';
import { AT } from '../../test/port-stubs.ts';
import { createEventRelay } from './deliver-events.ts';
import { SinkUnavailable } from './errors.ts';
import type { ClaimedEvent, EventQueue, EventSink } from './ports.ts';

function eventOf(eventID: string, attempts = 1): ClaimedEvent {
  return { eventID, orderID: 1n, seq: 1, user: 1n, status: 'new', at: AT, attempts };
}

describe('The relay of events', () => {
  const events = [eventOf('a'), eventOf('b'), eventOf('c')];
  let claim: SinonStub<Parameters<EventQueue['claim']>, ReturnType<EventQueue['claim']>>;
  let delivered: SinonStub<Parameters<EventQueue['delivered']>, ReturnType<EventQueue['delivered']>>;
  let postpone: SinonStub<Parameters<EventQueue['postpone']>, Promise<void>>;
  let release: SinonStub<Parameters<EventQueue['release']>, Promise<void>>;
  let deliver: SinonStub<Parameters<EventSink['deliver']>, Promise<void>>;
  let report: { onFailure: SinonStub; onDelivered: SinonStub; onArrival: SinonStub };
  let stop: AbortController;
  beforeEach(() => {
    claim = sinon.stub<Parameters<EventQueue['claim']>, ReturnType<EventQueue['claim']>>().resolves([]);
    claim.onFirstCall().resolves(events);
    delivered = sinon.stub<Parameters<EventQueue['delivered']>, ReturnType<EventQueue['delivered']>>().resolves([5]);
    postpone = sinon.stub<Parameters<EventQueue['postpone']>, Promise<void>>().resolves();
    release = sinon.stub<Parameters<EventQueue['release']>, Promise<void>>().resolves();
    deliver = sinon.stub<Parameters<EventSink['deliver']>, Promise<void>>().resolves();
    report = { onFailure: sinon.stub(), onDelivered: sinon.stub(), onArrival: sinon.stub() };
    stop = new AbortController();
  });

  const open = () => createEventRelay({ claim, delivered, postpone, release }, { deliver }, report);

  it('delivers each event that it could take, then marks them together, and tells how long they took', async () => {
    const relay = open();
    await relay.round(stop.signal);
    await relay.settle();
    assert.deepEqual(
      deliver.args.map(([event]) => event),
      events,
    );
    assert.deepEqual(
      delivered.args.map(([eventIDs]) => eventIDs),
      [['a', 'b', 'c']],
    );
    sinon.assert.callCount(report.onArrival, 3);
    sinon.assert.calledOnceWithExactly(report.onDelivered, [5]);
    sinon.assert.notCalled(postpone);
    sinon.assert.notCalled(report.onFailure);
  });

  it('takes a bounded number, for longer by far than a delivery may take', async () => {
    await open().round(stop.signal);
    sinon.assert.calledOnceWithExactly(claim, 32, 15_000, { signal: stop.signal });
  });

  it('puts an event that could not be delivered back for later, reports it, and marks the others', async () => {
    const failure = new Error('no answer');
    deliver.withArgs(sinon.match({ eventID: 'b' })).rejects(failure);
    const relay = open();
    await relay.round(stop.signal);
    await relay.settle();
    assert.deepEqual(
      delivered.args.map(([eventIDs]) => eventIDs),
      [['a', 'c']],
    );
    sinon.assert.calledOnceWithExactly(postpone, 'b', 100, sinon.match.object);
    sinon.assert.calledOnceWithExactly(report.onFailure, 'b', failure, 100);
  });

  it('lets an event rest twice as long after each failure, up to half a minute', async () => {
    const attempts = [1, 2, 3, 4, 9, 10, 100, 2_000_000_000];
    claim.onFirstCall().resolves(attempts.map((count) => eventOf(String(count), count)));
    deliver.rejects(new Error('no answer'));
    const relay = open();
    await relay.round(stop.signal);
    await relay.settle();
    assert.deepEqual(
      attempts.map((count) => postpone.args.find(([eventID]) => eventID === String(count))?.[1]),
      [100, 200, 400, 800, 25_600, 30_000, 30_000, 30_000],
    );
  });

  it('puts events back whose delivery is cut off by the end, and waits for that', async () => {
    deliver.callsFake(
      (_event, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    );
    const relay = open();
    await relay.round(stop.signal);
    stop.abort(new Error('shutting down'));
    await relay.settle();
    assert.deepEqual(
      postpone.args.map(([eventID, delayMs, { signal }]) => [eventID, delayMs, signal.aborted]),
      [
        ['a', 100, false],
        ['b', 100, false],
        ['c', 100, false],
      ],
    );
    sinon.assert.notCalled(delivered);
  });

  describe('while the sink is away', () => {
    let clock: sinon.SinonFakeTimers;
    beforeEach(() => {
      clock = sinon.useFakeTimers({ toFake: ['performance'] });
      claim.resolves(events.slice(0, 1));
      deliver.rejects(new SinkUnavailable('no broker'));
    });
    afterEach(() => clock.restore());

    const limits = (): number[] => claim.args.map(([limit]) => limit);
    async function roundAt(relay: ReturnType<typeof open>, ms: number): Promise<void> {
      clock.tick(ms);
      await relay.round(stop.signal);
      // What it set out to deliver comes back.
      await new Promise(setImmediate);
    }

    it('gives all events back as they were, and blames none of them', async () => {
      await roundAt(open(), 0);
      assert.deepEqual(
        release.args.map(([eventID]) => eventID),
        ['a', 'b', 'c'],
      );
      sinon.assert.notCalled(postpone);
      sinon.assert.notCalled(report.onFailure);
    });

    it('looks with one event only, less and less often, but every two seconds', async () => {
      const relay = open();
      await roundAt(relay, 0);
      for (const [index, restMs] of [100, 200, 400, 800, 1_600, 2_000, 2_000].entries()) {
        await roundAt(relay, restMs - 1);
        assert.deepEqual(limits(), [32, ...Array(index).fill(1)], `too early after ${restMs} ms`);
        await roundAt(relay, 1);
        assert.deepEqual(limits(), [32, ...Array(index + 1).fill(1)]);
      }
    });

    it('takes as many as ever once one was taken', async () => {
      const relay = open();
      await roundAt(relay, 0);
      deliver.resolves();
      await roundAt(relay, 100);
      await roundAt(relay, 0);
      assert.deepEqual(limits(), [32, 1, 32]);
    });
  });
});
