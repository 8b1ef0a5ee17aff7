import assert from 'node:assert/strict';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import sinon from 'sinon';
import { createOrder } from '../test/one-order.ts';
import { ORDER_ID, stubPorts, USER } from '../test/port-stubs.ts';
import type { Store } from './domain/ports.ts';
import { countOrders, observeAwaitingPayment } from './order-metrics.ts';

const CONTEXT = { signal: new AbortController().signal };

const logger = pino({ level: 'silent' });

describe('The metrics of orders', () => {
  let registry: Registry;
  beforeEach(() => {
    registry = new Registry();
  });

  /** What has counted, by its label. */
  async function counted(name: string, label: string): Promise<Record<string, number>> {
    const { values = [] } = (await registry.getSingleMetric(name)?.get()) ?? {};
    const happened = values.filter(({ value }) => value > 0);
    return Object.fromEntries(happened.map(({ labels, value }) => [String(labels[label]), value]));
  }

  it('count an order that got its goods, and one that did not, with their steps', async () => {
    const { store, stocks } = stubPorts();
    const counting = countOrders(registry, store);
    const request = { user: USER, items: [{ sku: 1, count: 2 }], caller: 'checkout' };
    await assert.rejects(createOrder(counting, request, CONTEXT), { name: 'Refusal' });
    stocks.lockOnSale.resolves([{ sku: 1, warehouseID: 1n, count: 5n }]);
    await createOrder(counting, request, CONTEXT);
    assert.deepEqual(await counted('orders_created_total', 'outcome'), { reserved: 1, out_of_stock: 1 });
    assert.deepEqual(await counted('order_status_changes_total', 'status'), {
      new: 2,
      'awaiting payment': 1,
      failed: 1,
    });
  });

  it('count no repetition of a call, which makes no order', async () => {
    const { store, idempotencyKeys } = stubPorts();
    idempotencyKeys.find.resolves([{ orderID: ORDER_ID, shortages: [] }]);
    const request = { user: USER, items: [{ sku: 1, count: 2 }], caller: 'checkout', idempotencyKey: 'again' };
    await createOrder(countOrders(registry, store), request, CONTEXT);
    assert.deepEqual(await counted('orders_created_total', 'outcome'), {});
  });

  it('count what was committed: nothing of a transaction that failed, and one that ran twice once', async () => {
    const { store } = stubPorts();
    const failing: Store = {
      async transaction(work, context) {
        await store.transaction(work, context);
        throw new Error('no connection');
      },
    };
    const twice: Store = {
      async transaction(work, context) {
        await store.transaction(work, context);
        return store.transaction(work, context);
      },
    };
    const pay: Parameters<Store['transaction']>[0] = ({ orders }) =>
      orders.settle([{ orderID: ORDER_ID, context: CONTEXT }], 'payed');
    await assert.rejects(countOrders(registry, failing).transaction(pay, CONTEXT), /no connection/);
    assert.deepEqual(await counted('order_status_changes_total', 'status'), {});
    registry.clear();
    await countOrders(registry, twice).transaction(pay, CONTEXT);
    assert.deepEqual(await counted('order_status_changes_total', 'status'), { payed: 1 });
  });

  it('show how many orders await payment and how long the first is overdue, by one reading', async () => {
    const read = sinon.stub().resolves({ orders: 7, overdueMs: 2_500 });
    observeAwaitingPayment(registry, logger, { read });
    const text = await registry.metrics();
    assert.match(text, /^orders_by_status\{status="awaiting payment"\} 7$/m);
    assert.match(text, /^orders_overdue_seconds 2.5$/m);
    sinon.assert.calledOnce(read);
  });

  it('leave out what cannot be read', async () => {
    observeAwaitingPayment(registry, logger, { read: sinon.stub().rejects(new Error('the database went away')) });
    assert.doesNotMatch(await registry.metrics(), /^orders_(by_status|overdue_seconds)[ {]/m);
  });
});
