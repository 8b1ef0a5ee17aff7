import { itKeepsItsDocuments } from 'testing';
import { openProducts, type RunningProducts } from './products-fixture.ts';

describe('products', () => {
  let running: RunningProducts;

  before(async () => {
    running = await openProducts();
    // The product of the documents' examples.
    await running.client.create_product({ sku: 1_076_963, name: 'Теория нравственных чувств', price: 3_379 });
  });

  after(() => running?.[Symbol.asyncDispose]());

  // A cursor has to be one that the list gave, and an update has to name what it changes.
  itKeepsItsDocuments({ url: () => running.url, ruledByWords: ['list_products', 'update_product'] });
});
