import assert from 'node:assert/strict';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import sinon from 'sinon';
import { ORDER_ID, pendingOf, type StubbedPorts, stubPorts, USER } from '../test/port-stubs.ts';
import { deleteFromCart } from './domain/delete-from-cart.ts';
import type { Store } from './domain/ports.ts';
import { finishPurchase, purchase } from './domain/purchase.ts';
import { countPurchases, countResumptions, observeUnsettled } from './purchase-metrics.ts';

const logger = pino({ level: 'silent' });

describe('The metrics of purchases', () => {
  let registry: Registry;
  let ports: StubbedPorts;
  beforeEach(() => {
    registry = new Registry();
    ports = stubPorts();
  });

  /** What has counted, by its label. */
  async function counted(name: string, label: string): Promise<Record<string, number>> {
    const { values = [] } = (await registry.getSingleMetric(name)?.get()) ?? {};
    const happened = values.filter(({ value }) => value > 0);
    return Object.fromEntries(happened.map(({ labels, value }) => [String(labels[label]), value]));
  }

  it('count a purchase when it is settled, by its outcome, and only in the call that settled it', async () => {
    const parts = { ...ports, store: countPurchases(registry, ports.store) };
    ports.orderDesk.order.resolves({ state: 'ordered', orderID: ORDER_ID });
    ports.purchases.settle.resolves(true).onSecondCall().resolves(false);
    await finishPurchase(parts, pendingOf('a'), ports.context);
    await finishPurchase(parts, pendingOf('a'), ports.context);
    ports.orderDesk.order.resolves({ state: 'rejected' });
    await finishPurchase(parts, pendingOf('b'), ports.context);
    assert.deepEqual(await counted('purchases_total', 'outcome'), { ordered: 1, rejected: 1 });
  });

  it('count an empty cart as an outcome', async () => {
    const parts = { ...ports, store: countPurchases(registry, ports.store) };
    await assert.rejects(purchase(parts, { user: USER }, ports.context), { reason: 'cart_empty' });
    assert.deepEqual(await counted('purchases_total', 'outcome'), { 'cart empty': 1 });
  });

  it('count committed changes of carts once, even if the transaction ran twice', async () => {
    const twice: Store = {
      async transaction(work, context) {
        await ports.store.transaction(work, context);
        return ports.store.transaction(work, context);
      },
    };
    const store = countPurchases(registry, twice);
    await deleteFromCart(store, USER, { sku: 1, count: 1 }, ports.context);
    await store.transaction(({ carts }) => carts.add(USER, { sku: 1, count: 1 }));
    ports.carts.add.rejects(new Error('no connection'));
    await assert.rejects(
      store.transaction(({ carts }) => carts.add(USER, { sku: 1, count: 1 })),
      /no connection/,
    );
    assert.deepEqual(await counted('cart_changes_total', 'change'), { add: 1, delete: 1 });
  });

  it('count purchases resumed in the background', async () => {
    countResumptions(registry)(3, 1);
    assert.deepEqual(await counted('purchases_resumed_total', 'result'), { finished: 3, failed: 1 });
  });

  it('show the number and age of pending purchases from one query, or nothing if it fails', async () => {
    const read = sinon.stub().resolves({ count: 2, oldestMs: 61_000 });
    observeUnsettled(registry, logger, { read });
    const text = await registry.metrics();
    assert.match(text, /^purchases_pending 2$/m);
    assert.match(text, /^purchases_pending_oldest_seconds 61$/m);
    sinon.assert.calledOnce(read);
    read.rejects(new Error('the database went away'));
    assert.doesNotMatch(await registry.metrics(), /^purchases_pending/m);
  });
});
