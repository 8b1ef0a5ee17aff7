import assert from 'node:assert/strict';
import sinon from 'sinon';
import { acceptEvent } from './accept-event.ts';
import type { Context, Notification, Notifications, OrderEvent } from './ports.ts';
import { Refusal } from './refusal.ts';

const event: OrderEvent = {
  eventID: '7f0c3c1e-6f0b-4a55-9d2a-3f7d8f6f1a01',
  orderID: 7n,
  seq: 3,
  user: 42n,
  status: 'payed',
  at: new Date('2026-11-20T09:00:00.250Z'),
};
const notification: Notification = { ...event, text: 'Order 7 is paid.' };

const context: Context = new AbortController();

describe('acceptEvent', () => {
  it('stores the notification of the next event and announces it', async () => {
    const { ports, notifications, announce } = createPorts({ added: [true] });
    await acceptEvent(ports, event, context);
    sinon.assert.calledOnceWithExactly(notifications.add, notification, context);
    sinon.assert.calledOnceWithExactly(announce, notification);
    sinon.assert.callOrder(notifications.add, announce);
  });

  it('needs one statement for the next event of an order', async () => {
    const { ports, notifications } = createPorts({ added: [true] });
    await acceptEvent(ports, event, context);
    sinon.assert.notCalled(notifications.lastSeq);
    sinon.assert.notCalled(notifications.find);
  });

  it('stores an event whose predecessor was stored after the first attempt', async () => {
    const { ports, notifications, announce } = createPorts({ lastSeq: 2, added: [false, true] });
    await acceptEvent(ports, event, context);
    sinon.assert.calledTwice(notifications.add);
    sinon.assert.calledOnceWithExactly(announce, notification);
  });

  it('announces nothing that cannot be stored', async () => {
    const { ports, notifications, announce } = createPorts({});
    const failure = new Error('the database is unavailable');
    notifications.add.onFirstCall().rejects(failure);
    await assert.rejects(acceptEvent(ports, event, context), failure);
    sinon.assert.notCalled(announce);
  });

  it('opens the notifications with the context of the call', async () => {
    const { ports, open } = createPorts({ added: [true] });
    const scope = { signal: new AbortController().signal };
    await acceptEvent(ports, event, scope);
    sinon.assert.calledOnceWithExactly(open, scope);
  });

  it('does nothing for an event that was stored before', async () => {
    const { ports, notifications, announce } = createPorts({ lastSeq: 5, found: { ...notification } });
    await acceptEvent(ports, event, context);
    sinon.assert.calledOnceWithExactly(notifications.find, 7n, 3);
    sinon.assert.notCalled(announce);
  });

  it('does nothing for an event that is stored concurrently', async () => {
    const { ports, announce } = createPorts({ lastSeq: 3, found: { ...notification } });
    await acceptEvent(ports, event, context);
    sinon.assert.notCalled(announce);
  });

  it('recognizes a repeated event whose text has changed', async () => {
    const { ports } = createPorts({ lastSeq: 3, found: { ...notification, text: 'Order 7: payed!' } });
    await acceptEvent(ports, event, context);
  });

  it('refuses an event before its predecessor and names the expected one', async () => {
    const { ports, notifications, announce } = createPorts({ lastSeq: 1 });
    await assert.rejects(acceptEvent(ports, event, context), (error) => {
      assert(error instanceof Refusal);
      assert.equal(error.reason, 'out_of_order');
      assert.deepEqual(error.facts, { orderID: 7n, expectedSeq: 2 });
      assert.equal(error.message, 'order 7 expects seq 2 before seq 3');
      return true;
    });
    sinon.assert.calledOnce(notifications.add);
    sinon.assert.notCalled(announce);
  });

  const contradictions: Record<string, Partial<Notification>> = {
    'another eventID': { eventID: '7f0c3c1e-6f0b-4a55-9d2a-3f7d8f6f1a02' },
    'another user': { user: 43n },
    'another status': { status: 'cancelled' },
    'another time': { at: new Date('2026-11-20T09:00:00.251Z') },
  };
  for (const [what, difference] of Object.entries(contradictions)) {
    it(`refuses an event whose seq is stored with ${what}`, async () => {
      const { ports, announce } = createPorts({ lastSeq: 3, found: { ...notification, ...difference } });
      await assert.rejects(acceptEvent(ports, event, context), { name: 'Refusal', reason: 'event_conflict' });
      sinon.assert.notCalled(announce);
    });
  }

  it('refuses an event whose eventID is stored for another event', async () => {
    const { ports, announce } = createPorts({ lastSeq: 2 });
    await assert.rejects(acceptEvent(ports, event, context), (error) => {
      assert(error instanceof Refusal);
      assert.equal(error.reason, 'event_conflict');
      assert.deepEqual(error.facts, { orderID: event.orderID, seq: event.seq });
      assert.match(error.message, /contradicts the event stored under its eventID$/);
      return true;
    });
    sinon.assert.notCalled(announce);
  });

  it('shows both events of a contradiction', async () => {
    const { ports } = createPorts({ lastSeq: 3, found: { ...notification, status: 'cancelled' } });
    const said = '(order 7, seq 3, user 42, payed, 2026-11-20T09:00:00.250Z)';
    await assert.rejects(acceptEvent(ports, event, context), {
      reason: 'event_conflict',
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
    findAll: sinon.stub<Parameters<Notifications['findAll']>>(),
    addFitting: sinon.stub<Parameters<Notifications['addFitting']>>(),
  };
  notifications.add.onFirstCall().resolves(first);
  const open = sinon.stub<[Context], Notifications>().returns(notifications);
  const announce = sinon.stub<[Notification], void>();
  return { ports: { notifications: open, announce }, notifications, open, announce };
}
