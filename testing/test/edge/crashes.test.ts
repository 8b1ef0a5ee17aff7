import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { startMesh, type TestMesh } from 'testing';
import type { Sql } from '../../src/sql.ts';
import { assertMeshHolds } from './check-mesh.ts';
import { type DeadlyLine, openDeadlyLine } from './deadly-line.ts';
import {
  login,
  openAccountsSql,
  PASSWORD,
  type RestAnswer,
  register,
  rest,
  type SignedIn,
  UNLIMITED,
} from './people.ts';
import { type Replica, startReplica } from './replica.ts';
import { makeAdmin } from './shop.ts';

const NEW_PASSWORD = 'another walk along the sea shore';
const SKU = 4_000_001;

/** The gateway cannot know whether the call took effect. */
const LOST = [503, 504];

describe('kill -9 between commit and answer, seen through the gateway', function () {
  this.timeout(300_000);
  let mesh: TestMesh;
  let sql: Sql;
  let accounts: Replica;
  let checkout: Replica;
  let gateway: Replica;
  let toAccounts: DeadlyLine;
  let toCheckout: DeadlyLine;
  let through: { urls: TestMesh['urls'] };
  let watcher: SignedIn;
  const owned = new AsyncDisposableStack();

  before(async () => {
    mesh = owned.use(await startMesh(UNLIMITED));
    sql = owned.use(openAccountsSql(mesh));
    [accounts, checkout] = await Promise.all([startReplica(mesh, 'accounts'), startReplica(mesh, 'checkout')]);
    owned.use(accounts);
    owned.use(checkout);
    toAccounts = owned.use(await openDeadlyLine(accounts));
    toCheckout = owned.use(await openDeadlyLine(checkout));
    gateway = owned.use(
      await startReplica(mesh, 'gateway', { urls: { accounts: toAccounts.url, checkout: toCheckout.url } }),
    );
    through = { urls: { ...mesh.urls, gateway: gateway.url } };
    watcher = await register(mesh);
    await stockUp();
  });
  after(() => owned.disposeAsync());

  async function stockUp(): Promise<void> {
    const { user } = await register(mesh);
    await makeAdmin(user.email, mesh.variables);
    const { accessToken: token } = await login(mesh, user.email);
    const product = { sku: SKU, name: 'Enamel kettle', price: 1990 };
    assert.equal((await rest(mesh, 'POST /v1/products', { token, body: product })).status, 201);
    const body = { warehouseID: '1', delta: 1_000 };
    assert.equal((await rest(mesh, `POST /v1/products/${SKU}/stock`, { token, body })).status, 200);
  }

  /** Sends the request. The process that answers it dies once it has committed, and starts again. */
  async function loseAnswer(line: DeadlyLine, method: string, send: () => Promise<RestAnswer>): Promise<void> {
    const hasHappened = line.arm(method);
    const { status, text } = await send();
    assert.ok(hasHappened(), `${status} ${text}`);
    assert.ok(LOST.includes(status), `${status} ${text}`);
    await revive(line);
  }

  /** Starts the target, and waits until each of the gateway's circuit breakers for it, which may have opened, is closed. */
  async function revive(line: DeadlyLine): Promise<void> {
    await line.revive();
    const { accessToken: token } = watcher;
    for (const route of ['GET /v1/me/sessions', 'GET /v1/cart'] as const)
      await asked(() => rest(through, route, { token }));
    await asked(() => signIn(watcher));
  }

  /** Sends the request. The gateway dies before it hears that the service has committed, and starts again. */
  async function loseGateway(line: DeadlyLine, method: string, send: () => Promise<RestAnswer>): Promise<void> {
    const hasHappened = line.arm(method, gateway);
    await assert.rejects(send(), TypeError);
    assert.ok(hasHappened());
    await gateway.start();
  }

  /** Asks again while the gateway's circuit breaker has not probed the new process, as Retry-After says. */
  async function asked(send: () => Promise<RestAnswer>): Promise<RestAnswer> {
    const until = performance.now() + 40_000;
    for (;;) {
      const answer = await send();
      if (answer.status !== 503 || performance.now() > until) return answer;
      await pause(Number(answer.headers.get('retry-after')) * 1_000);
    }
  }

  /** The ten seconds in which a parent gets its successor are not over, however slow the machine is. */
  const holdGrace = ({ user }: SignedIn) =>
    sql(
      `UPDATE sessions SET rotated_at = now() + interval '1 minute', expires_at = now() + interval '1 minute 336 hours'
       WHERE user_id = $1 AND counter > 1 AND revoked_at IS NULL`,
      [user.id],
    );
  const counters = async ({ user }: SignedIn) =>
    (
      await sql('SELECT counter FROM sessions WHERE user_id = $1 AND revoked_at IS NULL ORDER BY created_at', [user.id])
    ).map(({ counter }) => Number(counter));
  const failures = async () => Number((await sql('SELECT sum(count)::integer AS sum FROM login_failures'))[0]?.sum);

  const refresh = ({ refreshToken }: SignedIn) => rest(through, 'POST /v1/auth/refresh', { body: { refreshToken } });
  const signIn = ({ user }: SignedIn, password = PASSWORD) =>
    rest(through, 'POST /v1/auth/login', { body: { email: user.email, password } });
  const me = ({ accessToken: token }: SignedIn) => rest(through, 'GET /v1/me', { token });

  async function assertRetryRefreshes(person: SignedIn): Promise<void> {
    await holdGrace(person);
    assert.deepEqual(await counters(person), [2]);
    const retried = await refresh(person);
    assert.equal(retried.status, 200, retried.text);
    assert.deepEqual(await counters(person), [2]);
    assert.equal((await me(retried.body)).status, 200);
    const next = await refresh(retried.body);
    assert.equal(next.status, 200, next.text);
  }

  it('of accounts at a refresh: the retry gets the successor, and the session goes on (32)', async () => {
    const person = await register(mesh);
    await loseAnswer(toAccounts, 'refresh', () => refresh(person));
    await assertRetryRefreshes(person);
  });

  it('of the gateway at a refresh: the retry at the next gateway gets the successor (32)', async () => {
    const person = await register(mesh);
    await loseGateway(toAccounts, 'refresh', () => refresh(person));
    await assertRetryRefreshes(person);
  });

  it('of one of two replicas of accounts at a refresh: nobody notices (32)', async () => {
    await using second = await startReplica(mesh, 'accounts');
    await using toSecond = await openDeadlyLine(second);
    const urls = { accounts: `${toAccounts.url},${toSecond.url}` };
    await using both = await startReplica(mesh, 'gateway', { urls });
    const person = await register(mesh);
    const lines = [toAccounts, toSecond];
    const killed: DeadlyLine[] = [];
    const disarmers = lines.map((line, index) =>
      line.arm('refresh', undefined, () => {
        killed.push(line);
        disarmers[1 - index]?.();
      }),
    );
    const { refreshToken } = person;
    const throughBoth = { urls: { ...mesh.urls, gateway: both.url } };
    const answer = await rest(throughBoth, 'POST /v1/auth/refresh', { body: { refreshToken } });
    assert.equal(killed.length, 1);
    if (killed[0]) await revive(killed[0]);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(await counters(person), [2]);
    assert.equal((await refresh(answer.body)).status, 200);
  });

  it('of accounts at a login: the retry signs in, and no failure counts', async () => {
    const person = await register(mesh);
    const failed = await failures();
    await loseAnswer(toAccounts, 'login', () => signIn(person));
    assert.deepEqual(await counters(person), [1, 1]);
    const retried = await signIn(person);
    assert.equal(retried.status, 200, retried.text);
    assert.equal(await failures(), failed);
    const { body } = await rest(through, 'GET /v1/me/sessions', { token: retried.body.accessToken });
    assert.equal(body.items.length, 3, 'the person sees the session of the lost answer, and may end it');
    const token = retried.body.accessToken;
    assert.equal((await rest(through, 'POST /v1/auth/logout', { token, body: { scope: 'others' } })).status, 204);
    assert.deepEqual(await counters(person), [1]);
  });

  it('of accounts at a registration: the retry says that the account exists, and the person logs in', async () => {
    const body = { email: `${randomUUID()}@shop.example`, password: PASSWORD };
    const send = () => rest(through, 'POST /v1/auth/register', { body });
    await loseAnswer(toAccounts, 'register', send);
    const retried = await send();
    assert.deepEqual([retried.status, retried.body.error.reason], [409, 'email_taken'], retried.text);
    const { status, body: person } = await rest(through, 'POST /v1/auth/login', { body });
    assert.equal(status, 200);
    assert.equal((await me(person)).status, 200);
  });

  it('of accounts at a password change: the new password holds, the session of the change lives, others ended', async () => {
    const mine = await register(mesh);
    const other = await login(mesh, mine.user.email);
    const body = { current: PASSWORD, new: NEW_PASSWORD };
    const change = () => rest(through, 'PUT /v1/me/password', { token: mine.accessToken, body });
    await loseAnswer(toAccounts, 'changePassword', change);
    const retried = await change();
    assert.deepEqual([retried.status, retried.body.error.reason], [403, 'invalid_credentials'], retried.text);
    assert.equal((await signIn(mine)).status, 401);
    assert.equal((await signIn(mine, NEW_PASSWORD)).status, 200);
    assert.equal((await refresh(mine)).status, 200);
    assert.equal((await refresh(other)).status, 401);
  });

  it('of accounts at a logout: the retry has the same answer', async () => {
    const { refreshToken } = await register(mesh);
    const logout = () => rest(through, 'POST /v1/auth/logout', { body: { refreshToken } });
    await loseAnswer(toAccounts, 'logout', logout);
    assert.equal((await logout()).status, 204);
    assert.equal((await rest(through, 'POST /v1/auth/refresh', { body: { refreshToken } })).status, 401);
  });

  for (const process of ['checkout', 'the gateway'] as const) {
    it(`of ${process} at a purchase: the retry with the same key answers the order that was made`, async () => {
      const { accessToken: token } = await register(mesh);
      const filled = await rest(through, 'POST /v1/cart/items', { token, body: { sku: SKU, count: 2 } });
      assert.equal(filled.status, 204, filled.text);
      const buy = () => rest(through, 'POST /v1/cart/purchase', { token, headers: { 'idempotency-key': 'once' } });
      if (process === 'checkout') await loseAnswer(toCheckout, 'purchase', buy);
      else await loseGateway(toCheckout, 'purchase', buy);
      const bought = await buy();
      assert.equal(bought.status, 201, bought.text);
      const orders = await rest(through, 'GET /v1/orders', { token });
      assert.deepEqual(
        orders.body.items.map(({ orderID }: { orderID: string }) => orderID),
        [bought.body.orderID],
      );
      const cart = await rest(through, 'GET /v1/cart', { token });
      assert.deepEqual(cart.body.items, []);
    });
  }

  it('leaves every invariant whole', () => assertMeshHolds(mesh));
});
