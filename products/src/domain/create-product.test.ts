import assert from 'node:assert/strict';
import { CHANGE, stubPorts } from '../../test/port-stubs.ts';
import { createProduct } from './create-product.ts';

const NEW = { sku: 7, name: 'Чайник', price: 1_990 };

describe('createProduct', () => {
  it('returns the first version', async () => {
    const { store } = stubPorts();
    assert.deepEqual(await createProduct(store, NEW, CHANGE), { ...NEW, version: 1, archived: false });
  });

  it('refuses a sku that is taken', async () => {
    const { store, products } = stubPorts();
    products.create.resolves(false);
    await assert.rejects(createProduct(store, NEW, CHANGE), { reason: 'product_exists', facts: { sku: 7 } });
  });
});
