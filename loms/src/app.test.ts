import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import sinon from 'sinon';
import { changeOf, orderOf, stubPorts } from '../test/port-stubs.ts';
import { createApp, type Parts } from './app.ts';
import type { Advanced, EventQueue } from './outbox/event.ts';

const NOTHING: Advanced = { claimed: [], delaysMs: [] };

function queueOf(advance: EventQueue['advance']): EventQueue {
  return { advance, postpone: sinon.stub().resolves(), release: sinon.stub().resolves() };
}

function partsOf(given: Partial<Parts>): Parts {
  return {
    openStore: () => stubPorts().store,
    orders: { find: sinon.stub().resolves(undefined), list: sinon.stub().resolves([]) },
    stocks: { onSale: sinon.stub().resolves([]) },
    changes: { last: sinon.stub().resolves(undefined), behind: sinon.stub().resolves([]) },
    overdue: { list: sinon.stub().resolves([]), nextDueMs: sinon.stub().resolves(undefined) },
    paymentTimeoutMs: 600_000,
    queue: queueOf(sinon.stub().resolves(NOTHING)),
    backlog: { read: sinon.stub().resolves({ count: 0, oldestMs: 0 }) },
    publisher: { publish: sinon.stub().resolves([]) },
    logger: pino({ level: 'silent' }),
    registry: new Registry(),
    ...given,
  };
}

describe('The app', () => {
  it('shows how many events wait and for how long, what was delivered and what failed', async () => {
    const registry = new Registry();
    const acknowledged = Promise.withResolvers<void>();
    const advance = sinon.stub().callsFake(async (deliveredIDs: readonly string[]) => {
      if (deliveredIDs.length === 0) return NOTHING;
      setImmediate(acknowledged.resolve);
      return { claimed: [], delaysMs: [30] };
    });
    const event = { eventID: 'a', ...changeOf(1, 'new'), attempts: 1 };
    advance.onFirstCall().resolves({ claimed: [event], delaysMs: [] });
    const backlog = { read: sinon.stub().resolves({ count: 7, oldestMs: 2_500 }) };
    await using _app = createApp(
      partsOf({
        queue: queueOf(advance),
        backlog,
        registry,
      }),
    );
    await acknowledged.promise;
    const text = await registry.metrics();
    assert.match(text, /^outbox_backlog 7$/m);
    assert.match(text, /^outbox_lag_seconds 2.5$/m);
    assert.match(text, /^outbox_delivered_total 1$/m);
    assert.match(text, /^outbox_delivery_failures_total 0$/m);
    assert.match(text, /^outbox_delivery_delay_seconds_sum 0.03$/m);
    sinon.assert.calledOnce(backlog.read);
  });

  it('leaves a backlog that cannot be read out of the metrics, and shows the rest', async () => {
    const registry = new Registry();
    await using _app = createApp(
      partsOf({ backlog: { read: sinon.stub().rejects(new Error('the database went away')) }, registry }),
    );
    const text = await registry.metrics();
    assert.doesNotMatch(text, /^outbox_(backlog|lag_seconds) /m);
    assert.match(text, /^outbox_delivered_total 0$/m);
  });

  it('pauses after a round in which no event could be delivered', async () => {
    const event = { eventID: 'a', ...changeOf(1, 'new'), attempts: 1 };
    const { promise: again, resolve: claimedAgain } = Promise.withResolvers<void>();
    const advance = sinon.stub().resolves(NOTHING);
    advance.onFirstCall().resolves({ claimed: [event], delaysMs: [] });
    advance.onSecondCall().callsFake(async () => {
      claimedAgain();
      return NOTHING;
    });
    const begunAt = performance.now();
    const publisher = { publish: sinon.stub().rejects(new Error('no answer')) };
    await using _app = createApp(partsOf({ queue: queueOf(advance), publisher }));
    await again;
    // Timers may be early by a millisecond.
    assert.ok(performance.now() - begunAt >= 19);
  });

  it('looks for overdue orders again at once after it cancelled some, also when other replicas took the rest', async () => {
    const ports = stubPorts();
    ports.orders.lockOverdue.resolves(undefined);
    ports.orders.lockOverdue.withArgs(2n).resolves(orderOf('awaiting payment'));
    const { promise: again, resolve: lookAgain } = Promise.withResolvers<void>();
    const list = sinon.stub();
    list.onFirstCall().resolves([1n, 2n, 3n].map((orderID) => ({ orderID, dueAt: 'then' })));
    list.callsFake(async () => {
      lookAgain();
      return [];
    });
    const registry = new Registry();
    // Half of the rest between rounds that cancel nothing. Nothing else here waits for anything, so no busy machine makes it pass.
    const resting = sleep(500, 'after a rest', { ref: false });
    await using _app = createApp(
      partsOf({ openStore: () => ports.store, overdue: { list, nextDueMs: sinon.stub() }, registry }),
    );
    assert.equal(await Promise.race([again.then(() => 'at once'), resting]), 'at once');
    const [expired] = (await registry.getSingleMetric('orders_expired_total')?.get())?.values ?? [];
    assert.equal(expired?.value, 1);
  });
});
