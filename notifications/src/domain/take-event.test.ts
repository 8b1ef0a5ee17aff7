import assert from 'node:assert/strict';
import sinon from 'sinon';
import { EventConflict, EventOutOfOrder } from './errors.ts';
import type { Context, Notification, Notifications, OrderEvent, Store } from './ports.ts';
import { takeEvent } from './take-event.ts';

const event: OrderEvent = {
  eventID: '7f0c3c1e-6f0b-4a55-9d2a-3f7d8f6f1a01',
  orderID: 7n,
  seq: 3,
  user: 42n,
  status: 'payed',
  at: new Date('2026-11-20T09:00:00.250Z'),
};
const notification: Notification = { ...event, text: 'Order 7 is payed.' };

const context: Context = new AbortController();

describe('takeEvent', () => {
  it('stores the notification of the next event and sends it', async () => {
    const { ports, notifications, sink } = createPorts({ lastSeq: 2, added: true });
    await takeEvent(ports, event, context);
    sinon.assert.calledOnceWithExactly(notifications.lastSeq, 7n);
    sinon.assert.calledOnceWithExactly(notifications.add, notification);
    sinon.assert.calledOnceWithExactly(sink.send, notification);
  });

  it("begins an order's events with seq 1", async () => {
    const { ports, sink } = createPorts({ lastSeq: 0, added: true });
    await takeEvent(ports, { ...event, seq: 1 }, context);
    sinon.assert.calledOnce(sink.send);
  });

  it('sends after the commit and not before', async () => {
    const { ports, sink, committed } = createPorts({ lastSeq: 2, added: true });
    await takeEvent(ports, event, context);
    sinon.assert.callOrder(committed, sink.send);
  });

  it('sends once even if the transaction has to run again', async () => {
    const { ports, sink } = createPorts({ lastSeq: 2, added: true, runs: 3 });
    await takeEvent(ports, event, context);
    sinon.assert.calledOnceWithExactly(sink.send, notification);
  });

  it('sends nothing when the transaction fails', async () => {
    const { ports, notifications, sink } = createPorts({ lastSeq: 2, added: true });
    const failure = new Error('the database went away');
    notifications.add.rejects(failure);
    await assert.rejects(takeEvent(ports, event, context), failure);
    sinon.assert.notCalled(sink.send);
  });

  it('hands its scope on to the transaction', async () => {
    const { ports, transaction } = createPorts({ lastSeq: 2, added: true });
    const scope = { signal: new AbortController().signal };
    await takeEvent(ports, event, scope);
    sinon.assert.calledOnceWithExactly(transaction, sinon.match.func, scope);
  });

  it('does nothing for an event that was taken before', async () => {
    const { ports, notifications, sink } = createPorts({ lastSeq: 5, added: false, found: { ...notification } });
    await takeEvent(ports, event, context);
    sinon.assert.calledOnceWithExactly(notifications.find, 7n, 3);
    sinon.assert.notCalled(sink.send);
  });

  it('does nothing for an event that somebody else takes at the same moment', async () => {
    const { ports, sink } = createPorts({ lastSeq: 2, added: false, found: { ...notification } });
    await takeEvent(ports, event, context);
    sinon.assert.notCalled(sink.send);
  });

  it('knows an event again whose text was worded differently then', async () => {
    const { ports } = createPorts({ lastSeq: 3, added: false, found: { ...notification, text: 'Order 7: payed!' } });
    await takeEvent(ports, event, context);
  });

  it('refuses an event before its predecessor and says which one it expects', async () => {
    const { ports, notifications, sink } = createPorts({ lastSeq: 1 });
    await assert.rejects(takeEvent(ports, event, context), (error) => {
      assert(error instanceof EventOutOfOrder);
      assert.equal(error.orderID, 7n);
      assert.equal(error.expectedSeq, 2);
      assert.equal(error.message, 'order 7 is at seq 1');
      return true;
    });
    sinon.assert.notCalled(notifications.add);
    sinon.assert.notCalled(sink.send);
  });

  const contradictions: Record<string, Partial<Notification>> = {
    'another eventID': { eventID: '7f0c3c1e-6f0b-4a55-9d2a-3f7d8f6f1a02' },
    'another user': { user: 43n },
    'another status': { status: 'cancelled' },
    'another time': { at: new Date('2026-11-20T09:00:00.251Z') },
  };
  for (const [what, difference] of Object.entries(contradictions)) {
    it(`refuses an event whose place was taken with ${what}`, async () => {
      const { ports, sink } = createPorts({ lastSeq: 3, added: false, found: { ...notification, ...difference } });
      await assert.rejects(takeEvent(ports, event, context), EventConflict);
      sinon.assert.notCalled(sink.send);
    });
  }

  it('refuses an event whose eventID was taken for another place', async () => {
    const { ports, sink } = createPorts({ lastSeq: 2, added: false });
    await assert.rejects(takeEvent(ports, event, context), (error) => {
      assert(error instanceof EventConflict);
      assert.deepEqual(error.event, event);
      assert.match(error.message, /contradicts what was taken under its eventID$/);
      return true;
    });
    sinon.assert.notCalled(sink.send);
  });

  it('tells both sides of a contradiction', async () => {
    const { ports } = createPorts({ lastSeq: 3, added: false, found: { ...notification, status: 'cancelled' } });
    const said = '(order 7, seq 3, user 42, payed, 2026-11-20T09:00:00.250Z)';
    await assert.rejects(takeEvent(ports, event, context), {
      name: 'EventConflict',
      message: `event ${event.eventID} ${said} contradicts event ${event.eventID} ${said.replace('payed', 'cancelled')}`,
    });
  });
});

interface Situation {
  readonly lastSeq: number;
  readonly added?: boolean;
  readonly found?: Notification;
  /** How often the store runs the work before it commits. */
  readonly runs?: number;
}

function createPorts({ lastSeq, added = false, found, runs = 1 }: Situation) {
  const notifications = {
    lastSeq: sinon.stub<Parameters<Notifications['lastSeq']>>().resolves(lastSeq),
    find: sinon.stub<Parameters<Notifications['find']>>().resolves(found),
    add: sinon.stub<Parameters<Notifications['add']>>().resolves(added),
  };
  const committed = sinon.spy();
  const transaction = sinon.spy(async (work: Parameters<Store['transaction']>[0], _scope: Context) => {
    let result: unknown;
    for (let run = 0; run < runs; run++) result = await work({ notifications });
    committed();
    return result;
  });
  const sink = { send: sinon.stub<[Notification]>().resolves() };
  const store = { transaction } as unknown as Store;
  return { ports: { store, sink }, notifications, transaction, committed, sink };
}
