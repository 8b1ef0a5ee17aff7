import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { Product } from '../domain/ports.ts';
import { cacheProducts } from './product-cache.ts';

const context = { signal: new AbortController().signal };

describe('cacheProducts', () => {
  let clock: sinon.SinonFakeTimers;
  let price: number;
  const product = sinon.stub<[number], Promise<Product>>();

  beforeEach(() => {
    clock = sinon.useFakeTimers();
    price = 100;
    product.reset();
    product.callsFake(async (sku) => ({ name: `sku ${sku}`, price }));
  });

  afterEach(() => {
    clock.restore();
  });

  it('answers from the cache, and fetches again when the entry is too old', async () => {
    const cached = cacheProducts({ product }, { maxAgeMs: 1_000 });
    await cached.product(7, context);
    price = 200;
    clock.tick(999);
    assert.equal((await cached.product(7, context)).price, 100);
    clock.tick(1);
    assert.equal((await cached.product(7, context)).price, 200);
    assert.equal(product.callCount, 2);
  });

  it('counts the age from the request: a slow answer is already older', async () => {
    product.onFirstCall().callsFake(async () => {
      clock.tick(800);
      return { name: 'slow', price: 100 };
    });
    const cached = cacheProducts({ product }, { maxAgeMs: 1_000 });
    await cached.product(7, context);
    price = 200;
    clock.tick(200);
    assert.equal((await cached.product(7, context)).price, 200);
  });

  it('counts the age from the request that was sent, also for a caller that joined it later', async () => {
    const slow = Promise.withResolvers<Product>();
    product.onFirstCall().returns(slow.promise);
    const cached = cacheProducts({ product }, { maxAgeMs: 1_000 });
    const first = cached.product(7, context);
    clock.tick(800);
    const joined = cached.product(7, context);
    slow.resolve({ name: 'slow', price: 100 });
    assert.deepEqual(
      [await first, await joined].map((answer) => answer.price),
      [100, 100],
    );
    price = 200;
    clock.tick(200);
    assert.equal((await cached.product(7, context)).price, 200);
    assert.equal(product.callCount, 2);
  });

  it('does not cache failures', async () => {
    product.onFirstCall().rejects(new Error('gone'));
    const cached = cacheProducts({ product }, { maxAgeMs: 1_000 });
    await assert.rejects(cached.product(7, context));
    assert.equal((await cached.product(7, context)).price, 100);
  });

  it('evicts the least recently used product when it is full', async () => {
    const cached = cacheProducts({ product }, { maxAgeMs: 1_000, productsMax: 2 });
    for (const sku of [1, 2, 3, 2, 3, 1]) await cached.product(sku, context);
    assert.deepEqual(
      product.args.map(([sku]) => sku),
      [1, 2, 3, 1],
    );
  });

  it('reports each answer as a hit or a miss', async () => {
    const hits: boolean[] = [];
    const cached = cacheProducts({ product }, { maxAgeMs: 1_000, onAnswer: (isHit) => hits.push(isHit) });
    await cached.product(7, context);
    await cached.product(7, context);
    assert.deepEqual(hits, [false, true]);
  });

  it('caches nothing at an age of 0, but sends concurrent requests for one product once', async () => {
    const uncached = cacheProducts({ product }, { maxAgeMs: 0 });
    await Promise.all([uncached.product(7, context), uncached.product(7, context)]);
    assert.equal(product.callCount, 1);
    await uncached.product(7, context);
    assert.equal(product.callCount, 2);
  });
});
