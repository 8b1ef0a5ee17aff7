import assert from 'node:assert/strict';
import sinon, { type SinonStub } from 'sinon';
import { AT } from '../../test/port-stubs.ts';
import { deliverEvents } from './deliver-events.ts';
import type { EventQueue, EventSink } from './ports.ts';

type Claimed = Awaited<ReturnType<EventQueue['claim']>>[number];

function eventOf(eventID: string, attempts = 1): Claimed {
  return { eventID, orderID: 1n, seq: 1, user: 1n, status: 'new', at: AT, attempts };
}

describe('deliverEvents', () => {
  const events = [eventOf('a'), eventOf('b'), eventOf('c')];
  let claim: SinonStub<Parameters<EventQueue['claim']>, ReturnType<EventQueue['claim']>>;
  let delivered: SinonStub<Parameters<EventQueue['delivered']>, Promise<void>>;
  let postpone: SinonStub<Parameters<EventQueue['postpone']>, Promise<void>>;
  let deliver: SinonStub<Parameters<EventSink['deliver']>, Promise<void>>;
  let onFailure: SinonStub;
  let stop: AbortController;
  beforeEach(() => {
    claim = sinon.stub<Parameters<EventQueue['claim']>, ReturnType<EventQueue['claim']>>().resolves(events);
    delivered = sinon.stub<Parameters<EventQueue['delivered']>, Promise<void>>().resolves();
    postpone = sinon.stub<Parameters<EventQueue['postpone']>, Promise<void>>().resolves();
    deliver = sinon.stub<Parameters<EventSink['deliver']>, Promise<void>>().resolves();
    onFailure = sinon.stub();
    stop = new AbortController();
  });

  const run = () => deliverEvents({ claim, delivered, postpone }, { deliver }, { onFailure }, { signal: stop.signal });

  it('delivers each event that it could take and then marks it, and tells how many it delivered', async () => {
    assert.equal(await run(), 3);
    assert.deepEqual(
      deliver.args.map(([event]) => event),
      events,
    );
    assert.deepEqual(
      delivered.args.map(([eventID]) => eventID),
      ['a', 'b', 'c'],
    );
    sinon.assert.callOrder(deliver, delivered);
    sinon.assert.notCalled(postpone);
    sinon.assert.notCalled(onFailure);
  });

  it('does nothing where nothing waits', async () => {
    claim.resolves([]);
    assert.equal(await run(), 0);
    sinon.assert.notCalled(deliver);
  });

  it('takes a bounded number, for longer by far than a delivery may take', async () => {
    await run();
    sinon.assert.calledOnceWithExactly(claim, 16, 15_000, { signal: stop.signal });
  });

  it('puts an event that could not be delivered back for later, reports it, and goes on with the others', async () => {
    const failure = new Error('no answer');
    deliver.withArgs(sinon.match({ eventID: 'b' })).rejects(failure);
    assert.equal(await run(), 2);
    assert.deepEqual(
      delivered.args.map(([eventID]) => eventID),
      ['a', 'c'],
    );
    sinon.assert.calledOnceWithExactly(postpone, 'b', 100, sinon.match.object);
    sinon.assert.calledOnceWithExactly(onFailure, 'b', failure, 100);
  });

  it('lets an event rest twice as long after each failure, up to half a minute', async () => {
    const attempts = [1, 2, 3, 4, 9, 10, 100, 2_000_000_000];
    claim.resolves(attempts.map((count) => eventOf(String(count), count)));
    deliver.rejects(new Error('no answer'));
    assert.equal(await run(), 0);
    assert.deepEqual(
      attempts.map((count) => postpone.args.find(([eventID]) => eventID === String(count))?.[1]),
      [100, 200, 400, 800, 25_600, 30_000, 30_000, 30_000],
    );
  });

  it('lets no event that it took wait for another one', async () => {
    const taken = Array.from({ length: 16 }, (_, index) => eventOf(String(index)));
    claim.resolves(taken);
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    deliver.returns(released);
    const running = run();
    await new Promise(setImmediate);
    sinon.assert.callCount(deliver, 16);
    release();
    assert.equal(await running, 16);
  });

  it('fails where an event cannot be marked, and leaves it to be taken again', async () => {
    const failure = new Error('the database went away');
    delivered.withArgs('a').rejects(failure);
    await assert.rejects(run(), failure);
    sinon.assert.notCalled(postpone);
  });

  it('tells deliveries to stop when it is told to, and puts all their events back', async () => {
    const reason = new Error('shutting down');
    deliver.callsFake(
      (_event, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    );
    const running = run();
    await new Promise(setImmediate);
    stop.abort(reason);
    await assert.rejects(running, reason);
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
});
