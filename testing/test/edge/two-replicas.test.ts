import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { eventually, startMesh, type TestMesh } from 'testing';
import type { Sql } from '../../src/sql.ts';
import { assertMeshHolds } from './check-mesh.ts';
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

const WRONG = 'a walk along the wrong river';
/** Requests a minute of one user. */
const RATE = 120;
/** A session ends within 2 s, so this poll of an ended session stays far below the limit of requests. */
const POLL_MS = 250;
/** Guesses of one account that are not delayed. */
const FREE = 5;

type Through = { urls: TestMesh['urls'] };

/** Each gateway has an accounts of its own: whatever holds across both is shared by the database. */
describe('Two gateways, each with its own replica of accounts', function () {
  this.timeout(300_000);
  let mesh: TestMesh;
  let sql: Sql;
  let one: Through;
  let two: Through;
  const gateways: Replica[] = [];
  const owned = new AsyncDisposableStack();

  before(async () => {
    mesh = owned.use(await startMesh(UNLIMITED));
    sql = owned.use(openAccountsSql(mesh));
    const pair = async (): Promise<Through> => {
      const accounts = owned.use(await startReplica(mesh, 'accounts'));
      const variables = { RATE_LIMIT_USER: String(RATE) };
      const gateway = owned.use(await startReplica(mesh, 'gateway', { urls: { accounts: accounts.url }, variables }));
      gateways.push(gateway);
      return { urls: { ...mesh.urls, gateway: gateway.url } };
    };
    [one, two] = await Promise.all([pair(), pair()]);
  });
  after(() => owned.disposeAsync());

  const me = async (at: Through, { accessToken: token }: SignedIn) => (await rest(at, 'GET /v1/me', { token })).status;
  const refresh = (at: Through, { refreshToken }: SignedIn) =>
    rest(at, 'POST /v1/auth/refresh', { body: { refreshToken } });
  const guess = (at: Through, email: string, password = WRONG) =>
    rest(at, 'POST /v1/auth/login', { body: { email, password } });
  const alternately = <T>(count: number, send: (at: Through) => Promise<T>): Promise<T[]> =>
    Promise.all(Array.from({ length: count }, (_, n) => send(n % 2 ? two : one)));

  async function assertEnds(session: SignedIn, act: () => Promise<RestAnswer>): Promise<void> {
    assert.deepEqual([await me(one, session), await me(two, session)], [200, 200]);
    const { status, text } = await act();
    assert.ok(status < 300, text);
    for (const at of [one, two]) assert.equal((await refresh(at, session)).status, 401);
    for (const at of [one, two])
      await eventually('the access token is refused', async () => (await me(at, session)) === 401, POLL_MS);
  }

  it('accept the sessions of each other, and refresh them by turns', async () => {
    let session = await register(one);
    for (const at of [two, one, two, one]) {
      const { status, body, text } = await refresh(at, session);
      assert.equal(status, 200, text);
      session = body;
      assert.deepEqual([await me(one, session), await me(two, session)], [200, 200]);
    }
  });

  it('give one successor to fifty refreshes at the same time (24)', async () => {
    const first = await register(one);
    const answers = await alternately(50, (at) => refresh(at, first));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    assert.equal(new Set(answers.map(({ body }) => body.refreshToken)).size, 1);
    const [session] = await sql('SELECT counter FROM sessions WHERE user_id = $1', [first.user.id]);
    assert.equal(Number(session?.counter), 2);
    assert.equal((await refresh(two, answers[0]?.body)).status, 200);
  });

  it('end a session for both, by logout, password change and the end of the session (33, 34, 35, 37)', async () => {
    const mine = await register(one);
    const { accessToken: token } = mine;
    await assertEnds(await login(two, mine.user.email), () =>
      rest(one, 'POST /v1/auth/logout', { token, body: { scope: 'others' } }),
    );
    const body = { current: PASSWORD, new: 'another walk along the sea shore' };
    await assertEnds(await login(one, mine.user.email), () => rest(two, 'PUT /v1/me/password', { token, body }));
    await assertEnds(mine, () => rest(two, 'POST /v1/auth/logout', { body: { refreshToken: mine.refreshToken } }));
  });

  it('register an address once, though twenty ask at the same time (46)', async () => {
    const email = `${randomUUID()}@shop.example`;
    const answers = await alternately(20, (at) =>
      rest(at, 'POST /v1/auth/register', { body: { email, password: PASSWORD } }),
    );
    // A password that is not hashed in time is shed.
    const statuses = answers.map(({ status }) => status).filter((status) => status !== 503);
    assert.deepEqual([...new Set(statuses)].toSorted(), [201, 409]);
    assert.equal(statuses.filter((status) => status === 201).length, 1);
  });

  it('count the failed logins of an account together (42)', async () => {
    const { user } = await register(one);
    for (let n = 0; n < FREE; n++) assert.equal((await guess(n % 2 ? two : one, user.email)).status, 401);
    // No delay ends during the test, however slow the machine is.
    await sql("UPDATE login_failures SET next_allowed_at = now() + interval '1 hour' WHERE count = $1", [FREE]);
    for (const at of [one, two]) {
      const { status, body } = await guess(at, user.email, PASSWORD);
      assert.deepEqual([status, body.error.reason], [429, 'too_many_attempts']);
    }
  });

  it('admit the requests of a user together, as many as one gateway would', async () => {
    const { accessToken: token } = await register(one);
    const began = performance.now();
    const answers = await alternately(3 * RATE, (at) => rest(at, 'GET /v1/orders', { token }));
    const statuses = answers.map(({ status }) => status);
    assert.deepEqual([...new Set(statuses)].toSorted(), [200, 429]);
    const admitted = statuses.filter((status) => status === 200).length;
    const refilled = Math.ceil(((performance.now() - began) / 60_000) * RATE);
    // On a machine where accounts is too slow to be asked, a gateway limits alone.
    const alone = gateways.filter(({ log }) => /this process limits requests alone/.test(readFileSync(log, 'utf8')));
    const most = RATE * (1 + alone.length) + refilled;
    assert.ok(admitted >= RATE && admitted <= most, `${admitted} admitted, from ${RATE} to ${most}`);
    for (const { headers } of answers.filter(({ status }) => status === 429)) {
      assert.ok(Number(headers.get('retry-after')) >= 1);
    }
  });

  it('leave every invariant whole', () => assertMeshHolds(mesh));
});
