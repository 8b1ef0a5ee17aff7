import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import sinon from 'sinon';
import { changeOf, orderOf, stubPorts } from '../test/port-stubs.ts';
import { createApp, type Parts } from './app.ts';

function partsOf(given: Partial<Parts>): Parts {
  return {
    openStore: () => stubPorts().store,
    orders: { find: sinon.stub().resolves(undefined) },
    stocks: { onSale: sinon.stub().resolves([]) },
    overdue: { list: sinon.stub().resolves([]) },
    queue: {
      claim: sinon.stub().resolves([]),
      delivered: sinon.stub().resolves([]),
      postpone: sinon.stub().resolves(),
      release: sinon.stub().resolves(),
    },
    backlog: { read: sinon.stub().resolves({ events: 0, oldestMs: 0 }) },
    sink: { deliver: sinon.stub().resolves() },
    logger: pino({ level: 'silent' }),
    registry: new Registry(),
    ...given,
  };
}

describe('The app', () => {
  it('shows how many events wait and for how long, what was delivered and what failed', async () => {
    const registry = new Registry();
    const claim = sinon.stub().resolves([]);
    claim.onFirstCall().resolves([{ eventID: 'a', ...changeOf(1, 'new'), attempts: 1 }]);
    const noted = Promise.withResolvers<void>();
    const delivered = sinon.stub().callsFake(async () => {
      setImmediate(noted.resolve);
      return [{ delayMs: 30, isAwaited: false }];
    });
    const backlog = { read: sinon.stub().resolves({ events: 7, oldestMs: 2_500 }) };
    await using _app = createApp(
      partsOf({
        queue: { claim, delivered, postpone: sinon.stub().resolves(), release: sinon.stub().resolves() },
        backlog,
        registry,
      }),
    );
    await noted.promise;
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

  it('rests after a round in which no event could be delivered', async () => {
    const event = { eventID: 'a', ...changeOf(1, 'new'), attempts: 1 };
    const claim = sinon.stub().resolves([event]);
    const queue = {
      claim,
      delivered: sinon.stub().resolves([]),
      postpone: sinon.stub().resolves(),
      release: sinon.stub().resolves(),
    };
    const { promise: again, resolve: lookAgain } = Promise.withResolvers<void>();
    claim.onSecondCall().callsFake(async () => {
      lookAgain();
      return [];
    });
    const begunAt = performance.now();
    await using _app = createApp(partsOf({ queue, sink: { deliver: sinon.stub().rejects(new Error('no answer')) } }));
    await again;
    // Timers may be early by a millisecond.
    assert.ok(performance.now() - begunAt >= 74);
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
    await using _app = createApp(partsOf({ openStore: () => ports.store, overdue: { list }, registry }));
    assert.equal(await Promise.race([again.then(() => 'at once'), resting]), 'at once');
    const [expired] = (await registry.getSingleMetric('orders_expired_total')?.get())?.values ?? [];
    assert.equal(expired?.value, 1);
  });
});
