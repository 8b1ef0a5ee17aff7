import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { loms } from 'loms/contract.ts';
import { pino } from 'pino';
import { products } from 'products/contract.ts';
import { Registry } from 'prom-client';
import { type Client, createClient, createHttpTransport, createTokenBucket, serveHttp } from 'rpc-kit';
import { httpMetrics } from 'rpc-kit/metrics';
import { type Database, openDatabase, sql } from 'service-kit';
import { checkout } from '../contract.ts';
import { createApp } from '../src/app.ts';
import type { Store } from '../src/domain/ports.ts';
import { resumePurchases } from '../src/domain/resume-purchases.ts';
import { createOrderDesk, createWarehouse } from '../src/peer/loms.ts';
import { createProductStates } from '../src/peer/product-states.ts';
import { createProductCatalogue } from '../src/peer/products.ts';
import { createCartReader } from '../src/repository/carts.ts';
import { createUnfinishedPurchases } from '../src/repository/purchases.ts';
import { createStore } from '../src/repository/store.ts';
import { type FakeLoms, startFakeLoms } from './fake-loms.ts';
import { type FakeProducts, startFakeProducts, TOKEN } from './fake-products.ts';

type TokenBucketOptions = Parameters<typeof createTokenBucket>[0];

/** Where a process may end while it settles a purchase. */
export type CrashPoint = 'before the commit' | 'after the commit';

/** One replica of checkout as it runs, over HTTP, between a fake loms and a fake product service over HTTP. */
export interface RunningCheckout extends AsyncDisposable {
  readonly client: Client<typeof checkout.methods>;
  readonly url: string;
  readonly database: Database;
  readonly loms: FakeLoms;
  readonly products: FakeProducts;
  /** Makes the next settling of a purchase fail, once. */
  crashAt: CrashPoint | undefined;
  /**
   * Finishes all pending purchases of the users, as a round of the background does after their back-off.
   * @returns why some could not be finished
   */
  resume(...users: bigint[]): Promise<unknown[]>;
  isPending(user: bigint): Promise<boolean>;
  /** Resets the fakes and the crash point. */
  recover(): void;
}

export interface CheckoutOptions {
  /** The fakes of another replica, to be shared with it. */
  readonly beside?: RunningCheckout;
  readonly productLimit?: TokenBucketOptions;
  /** Off for tests that resume purchases themselves. */
  readonly background?: 'on' | 'off';
}

const POOL_MAX = 10;
/** Most tests are not about the limit. */
const NO_LIMIT: TokenBucketOptions = { tokens: 10_000, intervalMs: 1, waitersMax: 1 };

export async function startCheckout(databaseUrl: string, options: CheckoutOptions = {}): Promise<RunningCheckout> {
  const { beside, productLimit = NO_LIMIT, background = 'off' } = options;
  await using resources = new AsyncDisposableStack();
  const logger = pino({ level: 'silent' });
  const registry = new Registry();
  const fakeLoms = beside?.loms ?? resources.use(await startFakeLoms());
  const fakeProducts = beside?.products ?? resources.use(await startFakeProducts());
  const database = resources.use(openDatabase({ url: databaseUrl, poolMax: POOL_MAX, logger, registry }));

  const userAgent = 'checkout/tests';
  const lomsWire = resources.use(createHttpTransport(fakeLoms.url, { userAgent }));
  const productsWire = resources.use(createHttpTransport(fakeProducts.url, { userAgent, face: 'plain' }));
  const lomsClient = createClient(loms, lomsWire);
  const productsClient = createClient(products, productsWire);
  const unfinished = createUnfinishedPurchases(database);
  const parts = {
    store: crashing(createStore(database), () => {
      const point = running.crashAt;
      running.crashAt = undefined;
      return point;
    }),
    carts: createCartReader(database),
    unfinished: background === 'on' ? unfinished : { claim: async () => [] },
    warehouse: createWarehouse(lomsClient),
    orderDesk: createOrderDesk(lomsClient),
    catalogue: createProductCatalogue({
      client: productsClient,
      token: TOKEN,
      limiter: createTokenBucket(productLimit),
    }),
    states: createProductStates(productsClient),
    logger,
    registry,
  };
  const app = resources.use(createApp(parts));
  const server = await serveHttp(app.service, { host: '127.0.0.1', port: 0, logger, metrics: httpMetrics(registry) });
  resources.defer(() => server.close(0));
  const wire = resources.use(createHttpTransport(server.url, { userAgent: 'tests' }));

  const owned = resources.move();
  const running: RunningCheckout = {
    client: createClient(checkout, wire),
    url: server.url,
    database,
    loms: fakeLoms,
    products: fakeProducts,
    crashAt: undefined,
    async resume(...users) {
      await makeDue(database, users);
      const failures: unknown[] = [];
      const onFailure = (_purchaseID: string, error: unknown) => failures.push(error);
      const context = { signal: new AbortController().signal };
      const ofUsers = {
        claim: async (limit: number) =>
          (await unfinished.claim(limit, context)).filter(({ user }) => users.includes(user)),
      };
      while ((await resumePurchases(ofUsers, parts, { onFailure }, context)) > 0);
      return failures;
    },
    async isPending(user) {
      const pending = sql.select().from('purchases').where("state = 'pending'").where('user_id = ?', user);
      return (await database.run('test', pending)).length > 0;
    },
    recover() {
      fakeLoms.recover();
      fakeProducts.recover();
      running.crashAt = undefined;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
  return running;
}

/** Ends the time that the call of a purchase has to finish it, for which the background waits. */
export async function makeDue(database: Database, users: readonly bigint[]): Promise<void> {
  const due = sql.update().table('purchases').set('resume_at', sql.str('clock_timestamp()'));
  await database.run('test', due.where("state = 'pending'").where('user_id IN ?', users));
}

/** Settling runs in the transactions that no caller can cancel. */
function crashing(store: Store, takeCrash: () => CrashPoint | undefined): Store {
  return {
    async transaction(work, context) {
      const point = context === undefined ? takeCrash() : undefined;
      const result = await store.transaction(async (repositories) => {
        const done = await work(repositories);
        if (point === 'before the commit') throw new Error('crashed before the commit');
        return done;
      }, context);
      if (point === 'after the commit') throw new Error('crashed after the commit');
      return result;
    },
  };
}

let lastUser = BigInt.asIntN(48, BigInt(`0x${randomBytes(6).toString('hex')}`));

/** A new user. */
export function newUser(): bigint {
  lastUser += 1n;
  return lastUser;
}

const POLL_MS = 10;

/** Below mocha's own limit, whose message would not name the condition; long enough for a busy machine. */
const WAIT_MAX_MS = 14_000;

/** Waits until it holds, for a bounded time. */
export async function eventually(holds: () => boolean | Promise<boolean>, timeoutMs = WAIT_MAX_MS): Promise<void> {
  const until = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > until) throw new Error(`it did not come true within ${timeoutMs} ms: ${holds}`);
    await sleep(POLL_MS);
  }
}

/** Sends raw text to the plain face, and returns the raw answer. */
export async function post({ url }: RunningCheckout, method: string, body: string, headers = {}) {
  const answer = await fetch(`${url}/${method}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  });
  return { status: answer.status, text: await answer.text(), headers: answer.headers };
}

/** Puts goods into the user's cart. */
export async function fill({ client }: RunningCheckout, user: bigint, goods: Record<number, number>): Promise<void> {
  for (const [sku, count] of Object.entries(goods)) await client.addToCart({ user, sku: Number(sku), count });
}

/** What is in the user's cart, as listCart shows it. */
export async function cartOf({ client }: RunningCheckout, user: bigint): Promise<Record<number, number>> {
  const { items } = await client.listCart({ user });
  return Object.fromEntries(items.map(({ sku, count }) => [sku, count]));
}

/** What the user's orders hold, by sku. */
export function orderedGoods({ loms }: RunningCheckout, user: bigint): Record<number, number> {
  const goods: Record<number, number> = {};
  for (const { sku, count } of loms.ordersOf(user).flatMap(({ items }) => items)) {
    goods[sku] = (goods[sku] ?? 0) + count;
  }
  return goods;
}
