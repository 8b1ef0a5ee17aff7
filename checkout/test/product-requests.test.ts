import assert from 'node:assert/strict';
import { type Call, failedWith, type RpcError } from 'rpc-kit';
import { createTestDatabase, type TestDatabase } from 'testing';
import { checkout } from '../contract.ts';
import { PRODUCT_LIMIT } from '../src/peer/products.ts';
import { eventually, fill, newUser, post, type RunningCheckout, startCheckout } from './checkout-fixture.ts';
import { failureOf } from './port-stubs.ts';

describe('requests to the product service', () => {
  let testDatabase: TestDatabase;

  before(async () => {
    testDatabase = await createTestDatabase('checkout');
  });

  after(async () => {
    await testDatabase[Symbol.asyncDispose]();
  });

  /** Fills the cart of a new user with so many skus, from one on. */
  async function cartOfSize(running: RunningCheckout, lines: number, from = 0): Promise<bigint> {
    const user = newUser();
    await fill(running, user, Object.fromEntries(Array.from({ length: lines }, (_, index) => [from + index, 1])));
    return user;
  }

  /** Does not answer until the request is cancelled. */
  function hang({ signal }: Call): Promise<never> {
    const { promise, reject } = Promise.withResolvers<never>();
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    return promise;
  }

  it('are ten in any second at most, and a small cart is not stuck behind a large one', async () => {
    await using running = await startCheckout(testDatabase.url, { productLimit: PRODUCT_LIMIT });
    const large = await cartOfSize(running, 23);
    const small = await cartOfSize(running, 5, 1_000);
    const finished: string[] = [];
    const largeCart = running.client.listCart({ user: large }).then(() => finished.push('large'));
    await eventually(() => running.products.requests.length >= 5);
    const smallCart = running.client.listCart({ user: small }).then(() => finished.push('small'));
    await Promise.all([largeCart, smallCart]);

    const { requests } = running.products;
    assert.equal(requests.length, 28);
    const gaps = requests.slice(10).map(({ at }, index) => at - (requests[index]?.at ?? 0));
    assert(Math.min(...gaps) >= 1_000, `ten requests and one more came within ${Math.min(...gaps)} ms`);
    // Four times what it takes, for a busy machine; one by one they would take ten times as long.
    assert(Math.max(...gaps) < 4_000, `the limit was left unused: ${Math.max(...gaps)} ms`);
    assert.deepEqual(finished, ['small', 'large']);
    const placeOfLastSmall = requests.findLastIndex(({ sku }) => sku >= 1_000);
    assert(placeOfLastSmall < 20, `the small cart had to wait for request ${placeOfLastSmall}`);
  });

  it('do not wait for those of addToCart, which ask for many products at a time', async () => {
    const productLimit = { tokens: 1, intervalMs: 60_000, waitersMax: 1 };
    await using running = await startCheckout(testDatabase.url, { productLimit });
    const asked: (readonly number[])[] = [];
    running.products.onManyCall = async (skus) => void asked.push(skus);
    const users = Array.from({ length: 30 }, newUser);
    await Promise.all(users.map((user, sku) => running.client.addToCart({ user, sku: sku % 10, count: 1 })));
    assert.ok(asked.length > 0 && asked.length < users.length, `${asked.length} requests`);
    assert.deepEqual(running.products.requests, []);
    const { items } = await running.client.listCart({ user: users[0] ?? 0n });
    assert.deepEqual([items.length, running.products.requests.length], [1, 1]);
  });

  it('stop when the caller leaves: those in flight are cancelled, and no other is made', async () => {
    await using running = await startCheckout(testDatabase.url);
    const { products } = running;
    const user = await cartOfSize(running, 12);
    products.onCall = hang;
    const caller = new AbortController();
    const failure = failureOf(running.client.listCart({ user }, { signal: caller.signal }));
    await eventually(() => products.requests.length === 5);
    assert(products.requests.every(({ signal }) => !signal.aborted));
    caller.abort();
    assert.equal(((await failure) as RpcError).code, 'cancelled');
    await eventually(() => products.requests.every(({ signal }) => signal.aborted));
    assert.equal(products.requests.length, 5);
  });

  it('stop when one of them fails', async () => {
    await using running = await startCheckout(testDatabase.url);
    const { products } = running;
    const user = await cartOfSize(running, 12);
    products.unknown.add(2);
    products.onCall = async (call) => {
      if ((call.params as { sku: number }).sku !== 2) return hang(call);
      await eventually(() => products.requests.length === 5);
    };
    const error = await failureOf(running.client.listCart({ user }));
    assert(failedWith(error, checkout.methods.listCart, 'product_not_found'));
    await eventually(() => products.requests.every(({ sku, signal }) => sku === 2 || signal.aborted));
    assert.equal(products.requests.length, 5);
  });

  it('are refused at once with Retry-After behind too many waiters', async () => {
    const productLimit = { tokens: 1, intervalMs: 60_000, waitersMax: 3 };
    await using running = await startCheckout(testDatabase.url, { productLimit });
    const user = await cartOfSize(running, 5);
    const { status, text, headers } = await post(running, 'listCart', `{"user":${user}}`);
    assert.equal(status, 429);
    assert.equal(headers.get('retry-after'), '60');
    const { code, reason, retryAfterMs } = JSON.parse(text).error;
    assert.deepEqual(
      { code, reason, retryAfterMs },
      { code: 'resource_exhausted', reason: undefined, retryAfterMs: 60_000 },
    );
  });

  it('that wait for a token end with the deadline of their caller', async () => {
    const productLimit = { tokens: 1, intervalMs: 60_000, waitersMax: 3 };
    await using running = await startCheckout(testDatabase.url, { productLimit });
    const user = await cartOfSize(running, 2);
    const error = (await failureOf(running.client.listCart({ user }, { timeoutMs: 200 }))) as RpcError;
    assert.equal(error.code, 'deadline_exceeded');
    assert.equal(running.products.requests.length, 1);
  });
});
