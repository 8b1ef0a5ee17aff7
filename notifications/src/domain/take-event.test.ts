import assert from 'node:assert/strict';
import sinon from 'sinon';
import { EventConflict, EventOutOfOrder } from './errors.ts';
import type { Context, Notification, Notifications, OrderEvent } from './ports.ts';
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
    const { ports, notifications, sink } = createPorts({ added: [true] });
    await takeEvent(ports, event, context);
    sinon.assert.calledOnceWithExactly(notifications.add, notification, context);
    sinon.assert.calledOnceWithExactly(sink.send, notification);
    sinon.assert.callOrder(notifications.add, sink.send);
  });

  it('asks nothing of the database but to store what can be stored', async () => {
    const { ports, notifications } = createPorts({ added: [true] });
    await takeEvent(ports, event, context);
    sinon.assert.notCalled(notifications.lastSeq);
    sinon.assert.notCalled(notifications.find);
  });

  it('stores an event whose predecessor has come while it was refused', async () => {
    const { ports, notifications, sink } = createPorts({ lastSeq: 2, added: [false, true] });
    await takeEvent(ports, event, context);
    sinon.assert.calledTwice(notifications.add);
    sinon.assert.calledOnceWithExactly(sink.send, notification);
  });

  it('sends nothing when it cannot be stored', async () => {
    const { ports, notifications, sink } = createPorts({});
    const failure = new Error('the database went away');
    notifications.add.onFirstCall().rejects(failure);
    await assert.rejects(takeEvent(ports, event, context), failure);
    sinon.assert.notCalled(sink.send);
  });

  it('hands its scope on to the store', async () => {
    const { ports, open } = createPorts({ added: [true] });
    const scope = { signal: new AbortController().signal };
    await takeEvent(ports, event, scope);
    sinon.assert.calledOnceWithExactly(open, scope);
  });

  it('does nothing for an event that was taken before', async () => {
    const { ports, notifications, sink } = createPorts({ lastSeq: 5, found: { ...notification } });
    await takeEvent(ports, event, context);
    sinon.assert.calledOnceWithExactly(notifications.find, 7n, 3);
    sinon.assert.notCalled(sink.send);
  });

  it('does nothing for an event that somebody else takes at the same moment', async () => {
    const { ports, sink } = createPorts({ lastSeq: 3, found: { ...notification } });
    await takeEvent(ports, event, context);
    sinon.assert.notCalled(sink.send);
  });

  it('knows an event again whose text was worded differently then', async () => {
    const { ports } = createPorts({ lastSeq: 3, found: { ...notification, text: 'Order 7: payed!' } });
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
    sinon.assert.calledOnce(notifications.add);
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
      const { ports, sink } = createPorts({ lastSeq: 3, found: { ...notification, ...difference } });
      await assert.rejects(takeEvent(ports, event, context), EventConflict);
      sinon.assert.notCalled(sink.send);
    });
  }

  it('refuses an event whose eventID was taken for another place', async () => {
    const { ports, sink } = createPorts({ lastSeq: 2 });
    await assert.rejects(takeEvent(ports, event, context), (error) => {
      assert(error instanceof EventConflict);
      assert.deepEqual(error.event, event);
      assert.match(error.message, /contradicts what was taken under its eventID$/);
      return true;
    });
    sinon.assert.notCalled(sink.send);
  });

  it('tells both sides of a contradiction', async () => {
    const { ports } = createPorts({ lastSeq: 3, found: { ...notification, status: 'cancelled' } });
    const said = '(order 7, seq 3, user 42, payed, 2026-11-20T09:00:00.250Z)';
    await assert.rejects(takeEvent(ports, event, context), {
      name: 'EventConflict',
      message: `event ${event.eventID} ${said} contradicts event ${event.eventID} ${said.replace('payed', 'cancelled')}`,
    });
  });
});

interface Situation {
  readonly lastSeq?: number;
  /** Whether it is stored, at the first attempt and at the second. */
  readonly added?: readonly boolean[];
  readonly found?: Notification;
}

function createPorts({ lastSeq = 0, added: [first = false, second = false] = [], found }: Situation) {
  const notifications = {
    lastSeq: sinon.stub<Parameters<Notifications['lastSeq']>>().resolves(lastSeq),
    find: sinon.stub<Parameters<Notifications['find']>>().resolves(found),
    add: sinon.stub<Parameters<Notifications['add']>>().resolves(second),
  };
  notifications.add.onFirstCall().resolves(first);
  const open = sinon.stub<[Context], Notifications>().returns(notifications);
  const sink = { send: sinon.stub<[Notification]>().resolves() };
  return { ports: { store: { notifications: open }, sink }, notifications, open, sink };
}
