import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { Journal, JournalQueue } from './delivery-ports.ts';
import { createJournaling, recoverJournal } from './journal-notifications.ts';
import type { Notification } from './ports.ts';

function notificationOf(eventID: string): Notification {
  const at = new Date('2026-11-20T09:00:00.250Z');
  return { eventID, orderID: 7n, seq: 1, user: 42n, status: 'new', at, text: 'Order 7 was received.' };
}

const [a, b, c] = ['a', 'b', 'c'].map(notificationOf) as [Notification, Notification, Notification];

/** A queue and a journal that do as they are told; everything asked of them is in `log`. */
function stubPorts() {
  const log: string[] = [];
  const names = (notifications: readonly Notification[]) => notifications.map(({ eventID }) => eventID).join(' ');
  const queue = {
    claim: sinon.stub<Parameters<JournalQueue['claim']>, ReturnType<JournalQueue['claim']>>().resolves([]),
    claimed: sinon.stub<Parameters<JournalQueue['claimed']>, ReturnType<JournalQueue['claimed']>>().resolves([]),
    delivered: sinon.stub<Parameters<JournalQueue['delivered']>, Promise<void>>(),
    findStale: sinon.stub<Parameters<JournalQueue['findStale']>, Promise<string[]>>().resolves([]),
  };
  queue.delivered.callsFake(async (notifications) => void log.push(`noted ${names(notifications)}`));
  const journal = {
    id: 'the journal',
    append: sinon.stub<Parameters<Journal['append']>, Promise<void>>(),
    repair: sinon.stub<Parameters<Journal['repair']>, ReturnType<Journal['repair']>>().resolves(new Set()),
  };
  journal.append.callsFake(async (notifications) => void log.push(`written ${names(notifications)}`));
  return { queue, journal, log };
}

describe('The journaling of notifications', () => {
  it('writes what it took and only then notes it', async () => {
    const { queue, journal, log } = stubPorts();
    queue.claim.onFirstCall().resolves([a, b]);
    const journaling = createJournaling(queue, journal);
    assert.equal(await journaling.round(), 2);
    assert.equal(await journaling.round(), 0);
    assert.deepEqual(log, ['written a b', 'noted a b']);
    sinon.assert.alwaysCalledWith(queue.claim, 'the journal', 256);
  });

  it('looks before its first batch what was left, and not again while all goes well', async () => {
    const { queue, journal } = stubPorts();
    const journaling = createJournaling(queue, journal);
    for (let round = 0; round < 3; round++) await journaling.round();
    sinon.assert.calledOnce(journal.repair);
    sinon.assert.callOrder(journal.repair, queue.claim);
  });

  const steps = {
    'the claim': ({ queue }: ReturnType<typeof stubPorts>) => queue.claim,
    'the write': ({ journal }: ReturnType<typeof stubPorts>) => journal.append,
    'the note': ({ queue }: ReturnType<typeof stubPorts>) => queue.delivered,
  };
  for (const [what, stepOf] of Object.entries(steps)) {
    it(`takes nothing more after ${what} failed until it has looked what became of it`, async () => {
      const ports = stubPorts();
      const { queue, journal } = ports;
      queue.claim.resolves([a]);
      const journaling = createJournaling(queue, journal);
      const failure = new Error('broke');
      stepOf(ports).onFirstCall().rejects(failure);
      await assert.rejects(journaling.round(), failure);
      const claims = queue.claim.callCount;
      const looked = new Error('looked');
      journal.repair.rejects(looked);
      await assert.rejects(journaling.round(), looked);
      assert.equal(queue.claim.callCount, claims);
    });
  }

  it('looks again when it is told to doubt', async () => {
    const { queue, journal } = stubPorts();
    const journaling = createJournaling(queue, journal);
    await journaling.round();
    journaling.doubt();
    await journaling.round();
    sinon.assert.calledTwice(journal.repair);
  });

  it('writes of what was left only what is not in the file, and notes all of it', async () => {
    const { queue, journal, log } = stubPorts();
    queue.claimed.resolves([a, b, c]);
    journal.repair.resolves(new Set(['b', 'somebody else']));
    await recoverJournal(queue, journal);
    sinon.assert.calledOnceWithExactly(journal.repair, 3);
    assert.deepEqual(log, ['written a c', 'noted a b c']);
  });

  it('writes nothing where all that was left is in the file', async () => {
    const { queue, journal, log } = stubPorts();
    queue.claimed.resolves([a]);
    journal.repair.resolves(new Set(['a']));
    await recoverJournal(queue, journal);
    assert.deepEqual(log, ['noted a']);
  });

  it('cuts off a torn line also where nothing was left', async () => {
    const { queue, journal, log } = stubPorts();
    await recoverJournal(queue, journal);
    sinon.assert.calledOnceWithExactly(journal.repair, 0);
    assert.deepEqual(log, []);
  });
});
