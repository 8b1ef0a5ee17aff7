import assert from 'node:assert/strict';
import sinon, { type SinonStub } from 'sinon';
import { AT } from '../../test/port-stubs.ts';
import { createEventRelay, LOOK_AGAIN_MS } from './deliver-events.ts';
import { SinkUnavailable } from './errors.ts';
import type { ClaimedEvent, EventQueue, EventSink, Noted } from './ports.ts';

const NOTED: Noted = { delayMs: 5, isAwaited: false };

function eventOf(eventID: string, attempts = 1, { orderID = 1n, seq = 1 } = {}): ClaimedEvent {
  return { eventID, orderID, seq, user: 1n, status: 'new', at: AT, attempts };
}

describe('The relay of events', () => {
  const events = [eventOf('a'), eventOf('b'), eventOf('c')];
  let claim: SinonStub<Parameters<EventQueue['claim']>, ReturnType<EventQueue['claim']>>;
  let delivered: SinonStub<Parameters<EventQueue['delivered']>, ReturnType<EventQueue['delivered']>>;
  let postpone: SinonStub<Parameters<EventQueue['postpone']>, Promise<void>>;
  let release: SinonStub<Parameters<EventQueue['release']>, Promise<void>>;
  let deliver: SinonStub<Parameters<EventSink['deliver']>, Promise<void>>;
  let report: { onFailure: SinonStub; onDelivered: SinonStub; onWork: SinonStub };
  let stop: AbortController;
  beforeEach(() => {
    claim = sinon.stub<Parameters<EventQueue['claim']>, ReturnType<EventQueue['claim']>>().resolves([]);
    claim.onFirstCall().resolves(events);
    delivered = sinon
      .stub<Parameters<EventQueue['delivered']>, ReturnType<EventQueue['delivered']>>()
      .resolves([NOTED]);
    postpone = sinon.stub<Parameters<EventQueue['postpone']>, Promise<void>>().resolves();
    release = sinon.stub<Parameters<EventQueue['release']>, Promise<void>>().resolves();
    deliver = sinon.stub<Parameters<EventSink['deliver']>, Promise<void>>().resolves();
    report = { onFailure: sinon.stub(), onDelivered: sinon.stub(), onWork: sinon.stub() };
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

  it('lets an event rest as long as the receiver asks', async () => {
    deliver
      .withArgs(sinon.match({ eventID: 'b' }))
      .rejects(Object.assign(new Error('later'), { retryAfterMs: 60_000 }));
    const relay = open();
    await relay.round(stop.signal);
    await relay.settle();
    sinon.assert.calledOnceWithExactly(postpone, 'b', 60_000, sinon.match.object);
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

  it('has what was delivered noted within 20 ms', async () => {
    const clock = sinon.useFakeTimers({ toFake: ['setTimeout'] });
    try {
      await open().round(stop.signal);
      await new Promise(setImmediate);
      sinon.assert.notCalled(report.onWork);
      clock.tick(20);
      sinon.assert.calledOnce(report.onWork);
    } finally {
      clock.restore();
    }
  });

  describe('to which events are handed over', () => {
    const orderOf = (...seqs: readonly number[]): ClaimedEvent[] =>
      seqs.map((seq) => eventOf(`7/${seq}`, 1, { orderID: 7n, seq }));
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

    /** One that has looked and found nothing: then it takes what is written. */
    async function openIdle() {
      claim.onFirstCall().resolves([]);
      const relay = open();
      await relay.round(stop.signal);
      return relay;
    }

    function handOver(relay: ReturnType<typeof open>, events: readonly ClaimedEvent[]): string {
      const handover = relay.openHandover();
      const [first] = events;
      assert.ok(first);
      const asked = handover.ask(first.orderID, first.seq, events.length);
      handover.wrote(events, asked !== 'free');
      handover.commit();
      return asked;
    }

    const reached = (): string[] => deliver.args.map(([{ eventID }]) => eventID);

    it('delivers them without a look into the outbox, one after the other, and notes them together', async () => {
      const relay = await openIdle();
      const ends: (() => void)[] = [];
      deliver.callsFake(() => new Promise((resolve) => void ends.push(resolve)));
      assert.equal(handOver(relay, orderOf(1, 2)), 'taken');
      await turn();
      assert.deepEqual(reached(), ['7/1']);
      ends[0]?.();
      await turn();
      assert.deepEqual(reached(), ['7/1', '7/2']);
      ends[1]?.();
      await turn();
      await relay.round(stop.signal);
      sinon.assert.calledOnce(claim);
      assert.deepEqual(
        delivered.args.map(([eventIDs]) => eventIDs),
        [['7/1', '7/2']],
      );
    });

    it('has the next event of an order follow those that are in hand', async () => {
      const relay = await openIdle();
      const { promise, resolve } = Promise.withResolvers<void>();
      deliver.onFirstCall().returns(promise);
      handOver(relay, orderOf(1, 2));
      assert.equal(handOver(relay, orderOf(3)), 'taken');
      await turn();
      assert.deepEqual(reached(), ['7/1']);
      resolve();
      await turn();
      assert.deepEqual(reached(), ['7/1', '7/2', '7/3']);
    });

    it('has an event follow one that was taken out of the outbox', async () => {
      claim.onFirstCall().resolves(orderOf(2));
      const { promise, resolve } = Promise.withResolvers<void>();
      deliver.onFirstCall().returns(promise);
      const relay = open();
      await relay.round(stop.signal);
      assert.equal(handOver(relay, orderOf(3)), 'taken');
      resolve();
      await turn();
      assert.deepEqual(reached(), ['7/2', '7/3']);
    });

    it('leaves it to the outbox whether an event is the first of its order that waits', async () => {
      const relay = await openIdle();
      assert.equal(handOver(relay, orderOf(3)), 'taken if first');
      handOver(relay, orderOf(4));
      await turn();
      await relay.round(stop.signal);
      assert.equal(handOver(relay, orderOf(5)), 'taken if first', 'what was noted is not in hand any more');
      // A gap: what comes between is not in hand here.
      assert.equal(handOver(relay, orderOf(7)), 'taken if first');
    });

    it('gives back what was to follow an event that could not be delivered', async () => {
      const relay = await openIdle();
      deliver.onFirstCall().rejects(new Error('no answer'));
      handOver(relay, orderOf(1, 2));
      handOver(relay, orderOf(3));
      await turn();
      assert.deepEqual(reached(), ['7/1']);
      sinon.assert.calledOnceWithExactly(postpone, '7/1', 100, sinon.match.object);
      assert.deepEqual(
        release.args.map(([eventID]) => eventID),
        ['7/2', '7/3'],
      );
      assert.equal(handOver(relay, orderOf(4)), 'taken if first');
    });

    it('delivers nothing behind an event that failed between the question and the commit', async () => {
      const relay = await openIdle();
      const { promise, reject } = Promise.withResolvers<void>();
      deliver.onFirstCall().returns(promise);
      handOver(relay, orderOf(1));
      const handover = relay.openHandover();
      assert.equal(handover.ask(7n, 2, 1), 'taken');
      handover.wrote(orderOf(2), true);
      reject(new Error('no answer'));
      await turn();
      handover.commit();
      await turn();
      assert.deepEqual(reached(), ['7/1']);
      sinon.assert.calledOnceWithExactly(release, '7/2', sinon.match.object);
    });

    it('looks for what was written for everybody', async () => {
      const relay = await openIdle();
      const handover = relay.openHandover();
      assert.equal(handover.ask(7n, 3, 1), 'taken if first');
      handover.wrote(orderOf(3), false);
      sinon.assert.notCalled(report.onWork);
      handover.commit();
      sinon.assert.calledOnce(report.onWork);
      await relay.round(stop.signal);
      sinon.assert.calledTwice(claim);
      assert.deepEqual(reached(), []);
    });

    it('looks at once for what waited behind an event that it has noted', async () => {
      const relay = await openIdle();
      delivered.resolves([{ ...NOTED, isAwaited: true }]);
      handOver(relay, orderOf(1));
      await turn();
      await relay.round(stop.signal);
      sinon.assert.calledTwice(claim);
    });

    it('delivers nothing of a transaction that has left nothing, and has room again', async () => {
      const relay = await openIdle();
      for (let attempt = 0; attempt < 100; attempt++) {
        const handover = relay.openHandover();
        assert.equal(handover.ask(7n, 1, 2), 'taken');
        // Every second one fails in the statement that writes them.
        if (attempt % 2) handover.wrote(orderOf(1, 2), true);
        handover.drop();
        handover.commit();
      }
      await turn();
      sinon.assert.notCalled(deliver);
      sinon.assert.notCalled(report.onWork);
    });

    it('takes no more than it may have in hand', async () => {
      const relay = await openIdle();
      deliver.returns(new Promise(() => {}));
      for (let orderID = 1n; orderID <= 32n; orderID++) {
        assert.equal(handOver(relay, [eventOf(`${orderID}`, 1, { orderID })]), 'taken');
      }
      assert.equal(handOver(relay, orderOf(1)), 'free');
      sinon.assert.callCount(deliver, 32);
    });

    it('takes none where the sink is away', async () => {
      const relay = await openIdle();
      deliver.rejects(new SinkUnavailable('no broker'));
      handOver(relay, orderOf(1));
      await turn();
      sinon.assert.calledOnceWithExactly(release, '7/1', sinon.match.object);
      assert.equal(handOver(relay, [eventOf('another', 1, { orderID: 8n })]), 'free');
    });
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
        await roundAt(relay, Math.max(restMs - LOOK_AGAIN_MS, LOOK_AGAIN_MS) - 1);
        assert.deepEqual(limits(), [32, ...Array(index).fill(1)], `too early after ${restMs} ms`);
        await roundAt(relay, LOOK_AGAIN_MS + 1);
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
