import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import { CHANGE, KETTLE, type StubbedPorts, stubPorts } from '../test/port-stubs.ts';
import type { Store } from './domain/ports.ts';
import { countChanges } from './product-metrics.ts';

describe('The metric of product changes', () => {
  let registry: Registry;
  let ports: StubbedPorts;
  beforeEach(() => {
    registry = new Registry();
    ports = stubPorts();
  });

  async function counted(): Promise<Record<string, number>> {
    const { values = [] } = (await registry.getSingleMetric('product_changes_total')?.get()) ?? {};
    return Object.fromEntries(values.map(({ labels, value }) => [String(labels.action), value]));
  }

  it('counts each committed change once by its action, even if the transaction ran twice', async () => {
    const twice: Store = {
      async transaction(work, change) {
        await ports.store.transaction(work, change);
        return ports.store.transaction(work, change);
      },
    };
    const store = countChanges(registry, twice);
    await store.transaction((products) => products.create(KETTLE), CHANGE);
    await store.transaction((products) => products.change('updated', KETTLE), CHANGE);
    await store.transaction((products) => products.change('updated', KETTLE), CHANGE);
    await store.transaction((products) => products.change('archived', KETTLE), CHANGE);
    assert.deepEqual(await counted(), { created: 1, updated: 2, archived: 1 });
  });

  it('counts neither a sku that was taken nor a change that failed', async () => {
    const store = countChanges(registry, ports.store);
    ports.products.create.resolves(false);
    ports.products.change.rejects(new Error('no connection'));
    await store.transaction((products) => products.create(KETTLE), CHANGE);
    await assert.rejects(
      store.transaction((products) => products.change('updated', KETTLE), CHANGE),
      /no connection/,
    );
    assert.deepEqual(await counted(), { created: 0, updated: 0, archived: 0 });
  });
});
