import { openAccounts } from 'accounts/testing';
import { checkout } from 'checkout/contract.ts';
import { startCheckout, startFakeProducts } from 'checkout/testing';
import { loms } from 'loms/contract.ts';
import { startLoms } from 'loms/testing';
import { type Announced, startNotifications } from 'notifications/testing';
import { products } from 'products/contract.ts';
import { startProducts } from 'products/testing';
import { createClient, createHttpTransport, RpcError } from 'rpc-kit';
import { createTestDatabase } from 'testing';
import {
  type DatabaseUrls,
  drained,
  type Operation,
  readHistory,
  type StockWatch,
  toHistoryLine,
} from '../src/index.ts';
import { connect } from '../src/snapshot.ts';

/** A small world at rest: the databases of real services after a few calls, and the history of these. */
export interface World extends AsyncDisposable {
  readonly urls: Required<DatabaseUrls> & Record<keyof DatabaseUrls, string>;
  readonly history: readonly Operation[];
  readonly stockWatch: StockWatch;
  /** The deliveries of notifications, in their order. */
  readonly journal: readonly { readonly orderID: bigint; readonly seq: number }[];
}

const DRAIN_TIMEOUT_MS = 20_000;

export async function openWorld(): Promise<World> {
  await using resources = new AsyncDisposableStack();
  const databases = {
    loms: resources.use(await createTestDatabase('loms')),
    checkout: resources.use(await createTestDatabase('checkout')),
    notifications: resources.use(await createTestDatabase('notifications')),
    products: resources.use(await createTestDatabase('products')),
  };
  const accounts = resources.use(await openAccounts());
  const urls = {
    accounts: accounts.testDatabase.url,
    loms: databases.loms.url,
    checkout: databases.checkout.url,
    notifications: databases.notifications.url,
    products: databases.products.url,
  };
  await supply(urls.loms);
  const announced: Announced[] = [];
  const history: Operation[] = [];
  await using services = new AsyncDisposableStack();
  // checkout asks a fake one, which knows every sku.
  const fakeProducts = services.use(await startFakeProducts());
  const productsService = services.use(await startProducts({ databaseUrl: urls.products }));
  const notifications = services.use(await startNotifications({ databaseUrl: urls.notifications, announced }));
  const lomsService = services.use(await startLoms({ databaseUrl: urls.loms, notificationsUrl: notifications.url }));
  const checkoutService = services.use(
    await startCheckout({ databaseUrl: urls.checkout, lomsUrls: [lomsService.url], productsUrl: fakeProducts.url }),
  );
  const wire = (url: string) => services.use(createHttpTransport(url, { userAgent: 'tests' }));
  const clients = {
    ...createClient(checkout, wire(checkoutService.url)),
    ...createClient(loms, wire(lomsService.url)),
    ...createClient(products, wire(productsService.url)),
  } as unknown as Record<string, (params: Params) => Promise<unknown>>;
  await live((op, args) => recorded(history, clients, op, args));
  await openAccountOf(USER, urls.accounts);
  await signInAndOut(accounts.client);
  const { left } = await drained(urls, { timeoutMs: DRAIN_TIMEOUT_MS });
  if (left !== '') throw new Error(`the world did not drain within ${DRAIN_TIMEOUT_MS / 1_000} s: ${left}`);
  const owned = resources.move();
  return {
    urls,
    history: await Array.fromAsync(readHistory(chunksOf(history), 'the history')),
    // stock-watch.test.ts tests real snapshots; here their result is given.
    stockWatch: { snapshots: 2, moves: 1, violations: [] },
    journal: announced.map(({ order_id, seq }) => ({ orderID: BigInt(order_id), seq })),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Users 1 to 5: with two steps, a changed password, a reused token, another role, disabled. */
async function signInAndOut(client: Awaited<ReturnType<typeof openAccounts>>['client']): Promise<void> {
  const password = 'a walk along the river';
  const register = (name: string) => client.register({ email: `${name}@shop.example`, password });
  const first = await register('first');
  await client.refresh({ refreshToken: (await client.refresh({ refreshToken: first.refreshToken })).refreshToken });
  const second = await register('second');
  await client.login({ email: 'second@shop.example', password });
  const { user, sessionID } = second;
  await client.changePassword({ user: user.id, sessionID, current: password, new: 'a walk along the sea shore' });
  const third = await register('third');
  await client.refresh({ refreshToken: (await client.refresh({ refreshToken: third.refreshToken })).refreshToken });
  await client.refresh({ refreshToken: third.refreshToken }).catch(() => {});
  const [fourth, fifth] = [await register('fourth'), await register('fifth')];
  await client.setRole({ actor: 1n, user: fourth.user.id, role: 'admin' });
  await client.login({ email: 'fourth@shop.example', password });
  await client.disableUser({ actor: fourth.user.id, user: fifth.user.id });
}

/** As a registration with this id. */
async function openAccountOf(user: bigint, url: string): Promise<void> {
  const client = await connect(url);
  try {
    await client.query(
      `INSERT INTO users (user_id, email, email_key, password_hash, role)
       VALUES ($1, 'edge@shop.example', 'edge@shop.example', '$argon2id$', 'user')`,
      [user],
    );
    await client.query(`INSERT INTO audit_events (kind, user_id) VALUES ('registered', $1)`, [user]);
  } finally {
    await client.end();
  }
}

/** Five units of sku 1 and three of sku 2. */
async function supply(url: string): Promise<void> {
  const client = await connect(url);
  try {
    await client.query(
      'INSERT INTO stocks (sku, warehouse_id, initial, supplied, on_sale) VALUES (1, 1, 5, 5, 5), (2, 1, 3, 3, 3)',
    );
  } finally {
    await client.end();
  }
}

/** Written and read again, so that the rules get the values of a file. */
async function* chunksOf(history: readonly Operation[]): AsyncGenerator<Uint8Array> {
  for (const operation of history) yield Buffer.from(toHistoryLine(operation));
}

/** Recorded as calls through the gateway with the token of USER. */
const AT_THE_EDGE = ['getOrder', 'listOrders'];

type Params = Record<string, unknown>;
type Do = (op: string, args: Params) => Promise<unknown>;

/** An int64 that a double cannot represent, so that every comparison has to be exact. */
export const USER = 9_007_199_254_740_993n;
export const ADMIN = USER + 2n;

/** Orders 1 to 5: paid, cancelled, awaiting payment, failed (out of stock), failed in a purchase. */
async function live(call: Do): Promise<void> {
  await call('addToCart', { user: USER, sku: 1, count: 2 });
  await call('listCart', { user: USER });
  await call('purchase', { user: USER, idempotencyKey: 'first' });
  await call('purchase', { user: USER, idempotencyKey: 'first' });
  await call('orderPayed', { orderID: 1n });
  await call('addToCart', { user: 2n, sku: 1, count: 2 });
  await call('purchase', { user: 2n });
  await call('cancelOrder', { orderID: 2n });
  await call('orderPayed', { orderID: 2n });
  await call('addToCart', { user: 3n, sku: 2, count: 3 });
  await call('createOrder', {
    user: 4n,
    items: [
      { sku: 2, count: 1 },
      { sku: 2, count: 1 },
    ],
    idempotencyKey: 'direct',
  });
  await call('createOrder', { user: 4n, items: [{ sku: 2, count: 2 }], idempotencyKey: 'direct' });
  await call('createOrder', { user: 4n, items: [{ sku: 2, count: 1 }], idempotencyKey: 'direct' });
  await call('createOrder', { user: 4n, items: [{ sku: 2, count: 2 }] });
  await call('purchase', { user: 3n, idempotencyKey: 'third' });
  await call('listCart', { user: 3n });
  await call('deleteFromCart', { user: 3n, sku: 2, count: 1 });
  await call('listCart', { user: 3n });
  await call('purchase', { user: 5n, idempotencyKey: 'first' });
  await call('stocks', { sku: 1 });
  await administer(call);
  for (const op of AT_THE_EDGE) await call(op, op === 'listOrders' ? { user: USER, limit: 20 } : { orderID: 1n });
}

/** Three units of sku 1 come in and two of them are written off; product 7 is created, changed and archived. */
async function administer(call: Do): Promise<void> {
  const place = { sku: 1, warehouseID: 1n, actor: ADMIN };
  const arrival = { ...place, delta: 3n, idempotencyKey: 'arrival' };
  await call('adjustStock', arrival);
  await call('adjustStock', arrival);
  await call('adjustStock', { ...arrival, delta: 4n });
  await call('adjustStock', { ...place, delta: -2n, idempotencyKey: 'write-off' });
  await call('adjustStock', { ...place, delta: -99n, idempotencyKey: 'refused' });
  await call('create_product', { sku: 7, name: 'a lamp', price: 10, actor: ADMIN });
  await call('update_product', { sku: 7, version: 1, price: 12, actor: ADMIN });
  await call('update_product', { sku: 7, version: 1, price: 13, actor: ADMIN });
  await call('archive_product', { sku: 7, version: 2, actor: ADMIN });
  await call('archive_product', { sku: 7, version: 3, actor: ADMIN });
}

async function recorded(
  history: Operation[],
  clients: Record<string, (params: Params) => Promise<unknown>>,
  op: string,
  args: Params,
): Promise<void> {
  const startedAt = new Date();
  const ended = () => ({
    op,
    key: String(args.idempotencyKey ?? args.orderID ?? args.user ?? args.sku),
    args,
    client: 'tests',
    ...(AT_THE_EDGE.includes(op) && { actsFor: USER }),
    startedAt,
    endedAt: new Date(),
  });
  try {
    const answer = await clients[op]?.(args);
    history.push({ ...ended(), result: 'ok', answer });
  } catch (error) {
    if (!(error instanceof RpcError) || error.reason === undefined) throw error;
    history.push({ ...ended(), result: 'fail', code: error.reason, data: error.details });
  }
}
