import assert from 'node:assert/strict';
import sinon from 'sinon';
import { ProductNotFound } from './errors.ts';
import { getProduct } from './get-product.ts';

const context = new AbortController();

describe('getProduct', () => {
  it('answers the product of the sku', async () => {
    const product = { sku: 7, name: 'Чайник', price: 1990 };
    const catalogue = { find: sinon.stub().withArgs(7, context).resolves(product), skusAfter: sinon.stub() };
    assert.deepEqual(await getProduct(catalogue, 7, context), product);
  });

  it('refuses a sku that the catalogue does not have', async () => {
    const catalogue = { find: sinon.stub().resolves(undefined), skusAfter: sinon.stub() };
    await assert.rejects(
      getProduct(catalogue, 8, context),
      (error) => error instanceof ProductNotFound && error.sku === 8,
    );
  });
});
