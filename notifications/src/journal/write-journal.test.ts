import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { Notification } from '../domain/ports.ts';
import type { JournalQueue } from './queue.ts';
import { createJournalWriter, type Journal, recoverJournal } from './write-journal.ts';

function notificationOf(eventID: string): Notification {
  const at = new Date('2026-11-20T09:00:00.250Z');
  return { eventID, orderID: 7n, seq: 1, user: 42n, status: 'new', at, text: 'Order 7 was received.' };
}

const [a, b, c] = ['a', 'b', 'c'].map(notificationOf) as [Notification, Notification, Notification];

/** A queue and a journal whose calls are recorded in `log`. */
function stubPorts() {
  const log: string[] = [];
  const names = (notifications: readonly Notification[]) => notifications.map(({ eventID }) => eventID).join(' ');
  const queue = {
    claim: sinon.stub<Parameters<JournalQueue['claim']>, ReturnType<JournalQueue['claim']>>().resolves([]),
    claimed: sinon.stub<Parameters<JournalQueue['claimed']>, ReturnType<JournalQueue['claimed']>>().resolves([]),
    acknowledge: sinon.stub<Parameters<JournalQueue['acknowledge']>, Promise<void>>(),
    findStale: sinon.stub<Parameters<JournalQueue['findStale']>, Promise<string[]>>().resolves([]),
    readBacklog: sinon.stub<Parameters<JournalQueue['readBacklog']>>(),
  };
  queue.acknowledge.callsFake(async (notifications) => void log.push(`acknowledged ${names(notifications)}`));
  /** The answer of the next claims, one after the other. */
  const willClaim = (...batches: Notification[][]): void => {
    queue.claim.callsFake(async (_journalID, _limit, delivered) => {
      if (delivered.length > 0) log.push(`acknowledged ${names(delivered)}`);
      return batches.shift() ?? [];
    });
  };
  const journal = {
    id: 'the journal',
    append: sinon.stub<Parameters<Journal['append']>, Promise<void>>(),
    repair: sinon.stub<Parameters<Journal['repair']>, ReturnType<Journal['repair']>>().resolves(new Set()),
  };
  journal.append.callsFake(async (notifications) => void log.push(`written ${names(notifications)}`));
  return { queue, journal, log, willClaim };
}

describe('The writer of the journal', () => {
  it('writes what it claims, and acknowledges it with the next claim', async () => {
    const { queue, journal, log, willClaim } = stubPorts();
    willClaim([a, b], [c]);
    const writer = createJournalWriter(queue, journal);
    assert.equal(await writer.round(), 2);
    assert.equal(await writer.round(), 1);
    assert.equal(await writer.round(), 0);
    assert.equal(await writer.round(), 0);
    assert.deepEqual(log, ['written a b', 'acknowledged a b', 'written c', 'acknowledged c']);
    sinon.assert.alwaysCalledWith(queue.claim, 'the journal', 256);
    sinon.assert.notCalled(queue.acknowledge);
  });

  it('acknowledges the last batch when it settles', async () => {
    const { queue, journal, log, willClaim } = stubPorts();
    willClaim([a]);
    const writer = createJournalWriter(queue, journal);
    await writer.round();
    await writer.settle();
    await writer.settle();
    assert.deepEqual(log, ['written a', 'acknowledged a']);
  });

  it('acknowledges nothing when it settles after a failure', async () => {
    const { queue, journal, willClaim } = stubPorts();
    willClaim([a]);
    journal.append.rejects(new Error('broke'));
    const writer = createJournalWriter(queue, journal);
    await assert.rejects(writer.round());
    await writer.settle();
    sinon.assert.notCalled(queue.acknowledge);
  });

  it('acknowledges each batch once, also after a doubt', async () => {
    const { queue, journal, log, willClaim } = stubPorts();
    willClaim([a], [b]);
    const writer = createJournalWriter(queue, journal);
    await writer.round();
    writer.doubt();
    queue.claimed.resolves([a]);
    journal.repair.resolves(new Set(['a']));
    await writer.round();
    assert.deepEqual(log, ['written a', 'acknowledged a', 'written b']);
  });

  it('recovers the journal before its first batch, and not again without a failure', async () => {
    const { queue, journal } = stubPorts();
    const writer = createJournalWriter(queue, journal);
    for (let round = 0; round < 3; round++) await writer.round();
    sinon.assert.calledOnce(journal.repair);
    sinon.assert.callOrder(journal.repair, queue.claim);
  });

  const steps = {
    'the claim': ({ queue }: ReturnType<typeof stubPorts>) => queue.claim,
    'the write': ({ journal }: ReturnType<typeof stubPorts>) => journal.append,
  };
  for (const [what, stepOf] of Object.entries(steps)) {
    it(`claims nothing after ${what} failed until it has recovered the journal`, async () => {
      const ports = stubPorts();
      const { queue, journal } = ports;
      queue.claim.resolves([a]);
      const writer = createJournalWriter(queue, journal);
      const failure = new Error('broke');
      stepOf(ports).onFirstCall().rejects(failure);
      await assert.rejects(writer.round(), failure);
      const claims = queue.claim.callCount;
      const repairing = new Error('repairing');
      journal.repair.rejects(repairing);
      await assert.rejects(writer.round(), repairing);
      assert.equal(queue.claim.callCount, claims);
    });
  }

  it('recovers the journal after a doubt', async () => {
    const { queue, journal } = stubPorts();
    const writer = createJournalWriter(queue, journal);
    await writer.round();
    writer.doubt();
    await writer.round();
    sinon.assert.calledTwice(journal.repair);
  });

  it('recovers the journal also after a doubt that came during a round', async () => {
    const { queue, journal, willClaim } = stubPorts();
    willClaim([a]);
    const writer = createJournalWriter(queue, journal);
    journal.append.callsFake(async () => writer.doubt());
    await writer.round();
    await writer.round();
    await writer.round();
    sinon.assert.calledTwice(journal.repair);
  });

  it('writes only the claims that are not in the file, and acknowledges all of them', async () => {
    const { queue, journal, log } = stubPorts();
    queue.claimed.resolves([a, b, c]);
    journal.repair.resolves(new Set(['b', 'another event']));
    await recoverJournal(queue, journal);
    sinon.assert.calledOnceWithExactly(journal.repair, 3);
    assert.deepEqual(log, ['written a c', 'acknowledged a b c']);
  });

  it('writes nothing if all claims are in the file', async () => {
    const { queue, journal, log } = stubPorts();
    queue.claimed.resolves([a]);
    journal.repair.resolves(new Set(['a']));
    await recoverJournal(queue, journal);
    assert.deepEqual(log, ['acknowledged a']);
  });

  it('truncates a torn line without claims, too', async () => {
    const { queue, journal, log } = stubPorts();
    await recoverJournal(queue, journal);
    sinon.assert.calledOnceWithExactly(journal.repair, 0);
    assert.deepEqual(log, []);
  });
});
