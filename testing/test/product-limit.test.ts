import assert from 'node:assert/strict';
import { checkout } from 'checkout/contract.ts';
import { type FakeProducts, PRODUCT_LIMIT, startCheckout, startFakeProducts } from 'checkout/testing';
import { type Client, createClient, createHttpTransport } from 'rpc-kit';
import { createTestDatabase, type TestDatabase } from 'testing';
import { eventually } from '../src/patience.ts';
import { type SlowNetwork, startSlowNetwork } from '../src/slow-network.ts';
import { openSql } from '../src/sql.ts';

const { tokens: LIMIT, intervalMs: INTERVAL_MS } = PRODUCT_LIMIT;
const LINES = 5;
/** A limit against hanging: each test takes two or three seconds. */
const TIMEOUT_MS = 60_000;
/** The maximum difference between the delays of two requests. */
const JITTER_MS = 60;
/** This test never calls loms. */
const NO_LOMS = ['http://127.0.0.1:9'];

describe('The product service', function () {
  this.timeout(TIMEOUT_MS);
  let database: TestDatabase;
  let products: FakeProducts;
  let network: SlowNetwork;
  let resources: AsyncDisposableStack;
  let users = 0n;

  beforeEach(async () => {
    resources = new AsyncDisposableStack();
    database = resources.use(await createTestDatabase('checkout'));
    products = resources.use(await startFakeProducts());
    network = resources.use(await startSlowNetwork(products.url));
  });

  afterEach(() => resources.disposeAsync());

  async function startReplica(productsLimitShared: 'on' | 'off'): Promise<Client<typeof checkout.methods>> {
    const options = { databaseUrl: database.url, lomsUrls: NO_LOMS, productsUrl: network.url, productsLimitShared };
    const { url } = resources.use(await startCheckout(options));
    return createClient(checkout, resources.use(createHttpTransport(url, { userAgent: 'tests' })));
  }

  /** New users, each with a cart of different goods. */
  async function makeCarts(count: number): Promise<bigint[]> {
    await using sql = openSql(database.url);
    const made = Array.from({ length: count }, () => ++users);
    for (const user of made) {
      await sql('INSERT INTO carts (user_id) VALUES ($1)', [user]);
      const skus = 'generate_series($1::bigint * 100, $1::bigint * 100 + $2::bigint - 1)';
      await sql(`INSERT INTO cart_lines (user_id, sku, count) SELECT $1, sku, 1 FROM ${skus} AS sku`, [user, LINES]);
    }
    return made;
  }

  /** The shortest time in which one more request arrived than the limit allows. */
  function closestMs(): number {
    const times = products.requests.map(({ at }) => at).toSorted((a, b) => a - b);
    const gaps = times.slice(LIMIT).map((at, index) => at - (times[index] as number));
    return Math.min(...gaps);
  }

  async function assertLimitKept(replicas: readonly Client<typeof checkout.methods>[]): Promise<void> {
    network.delayMs = () => Math.random() * JITTER_MS;
    const buyers = await makeCarts(5);
    const carts = await Promise.all(
      buyers.map((user, index) =>
        (replicas[index % replicas.length] as Client<typeof checkout.methods>).listCart({ user }),
      ),
    );
    for (const { items } of carts) assert.equal(items.length, LINES);
    assert.equal(products.requests.length, buyers.length * LINES);
    const closest = closestMs();
    console.log(`        ${LIMIT + 1} requests arrived within ${closest.toFixed(1)} ms at the closest`);
    assert.ok(closest >= INTERVAL_MS, `${LIMIT + 1} requests arrived within ${closest} ms`);
  }

  it('receives at most ten requests in any second from one checkout, with any delay of each', async () => {
    await assertLimitKept([await startReplica('off')]);
  });

  it('receives at most ten requests in any second from two checkouts that share the limit, with any delay of each', async () => {
    await assertLimitKept([await startReplica('on'), await startReplica('on')]);
  });

  it('may receive abandoned requests late, and the next ones at least a second later', async () => {
    const client = await startReplica('off');
    const carts = await makeCarts(4);
    network.delayMs = () => 400;
    const leaving = new AbortController();
    const given = carts.slice(0, 2).map((user) => client.listCart({ user }, { signal: leaving.signal }));
    const gone = Promise.allSettled(given);
    await eventually('ten requests are in flight', () => network.sent >= LIMIT);
    const leftAt = performance.now();
    leaving.abort();
    await gone;

    network.delayMs = () => 0;
    const others = carts.slice(2);
    await Promise.all(others.map((user) => client.listCart({ user })));
    const isLate = ({ sku }: { sku: number }) => sku < Number(others[0]) * 100;
    await eventually('all requests have arrived', () => products.requests.length === 2 * LIMIT);
    const lateMs = Math.max(...products.requests.filter(isLate).map(({ at }) => at)) - leftAt;
    const nextMs = Math.min(...products.requests.filter((request) => !isLate(request)).map(({ at }) => at)) - leftAt;
    console.log(
      `        they arrived up to ${lateMs.toFixed()} ms late, and the next ones after ${nextMs.toFixed()} ms`,
    );
    assert.ok(nextMs >= INTERVAL_MS, `the next ones came after ${nextMs} ms`);
    assert.ok(closestMs() >= INTERVAL_MS - Math.max(0, lateMs), `${closestMs()} ms`);
  });
});
