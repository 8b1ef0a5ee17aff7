import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startMesh, type TestMesh } from 'testing';
import type { Sql } from '../../src/sql.ts';
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

/** After it, no access token of an ended session is accepted. */
const REFUSED_AFTER_MS = 2_000;

describe('A session at the edge', function () {
  this.timeout(300_000);
  let mesh: TestMesh;
  let sql: Sql;
  const planted: SignedIn[] = [];

  before(async () => {
    mesh = await startMesh(UNLIMITED);
    sql = openAccountsSql(mesh);
  });
  after(async () => {
    await sql?.[Symbol.asyncDispose]();
    await mesh?.[Symbol.asyncDispose]();
  });

  async function signUp(): Promise<SignedIn> {
    const person = await register(mesh);
    planted.push(person);
    return person;
  }
  async function signIn({ user }: SignedIn, password = PASSWORD): Promise<SignedIn> {
    const person = await login(mesh, user.email, password);
    planted.push(person);
    return person;
  }
  async function signUpAdmin(): Promise<SignedIn> {
    const admin = await signUp();
    await sql("UPDATE users SET role = 'admin' WHERE user_id = $1", [admin.user.id]);
    return signIn(admin);
  }

  const me = async ({ accessToken }: SignedIn) => (await rest(mesh, 'GET /v1/me', { token: accessToken })).status;
  const refresh = async ({ refreshToken }: SignedIn) => {
    const answer = await rest(mesh, 'POST /v1/auth/refresh', { body: { refreshToken } });
    if (answer.status === 200) planted.push(answer.body);
    return answer;
  };
  const refreshed = async (person: SignedIn): Promise<SignedIn> => {
    const { status, body } = await refresh(person);
    assert.equal(status, 200);
    return body;
  };
  const logout = async (body: object, token?: string) =>
    rest(mesh, 'POST /v1/auth/logout', token === undefined ? { body } : { body, token });

  /** Two seconds after the act, the access tokens are refused; the refresh tokens are at once. */
  async function assertEnds(sessions: readonly SignedIn[], act: () => Promise<unknown>): Promise<void> {
    for (const session of sessions) assert.equal(await me(session), 200);
    await act();
    const waited = sleep(REFUSED_AFTER_MS);
    for (const session of sessions) {
      const { status, body } = await refresh(session);
      assert.deepEqual([status, body.error.reason], [401, 'session_ended']);
    }
    await waited;
    for (const session of sessions) assert.equal(await me(session), 401);
  }

  it('gives a successor, whose answer nobody stores (23)', async () => {
    const first = await signUp();
    const answer = await refresh(first);
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    const second: SignedIn = answer.body;
    assert.notEqual(second.refreshToken, first.refreshToken);
    assert.deepEqual([await me(first), await me(second)], [200, 200]);
  });

  it('gives one successor to fifty refreshes at the same time (24), and to the parent again (25)', async () => {
    const first = await signUp();
    const answers = await Promise.all(Array.from({ length: 50 }, () => refreshed(first)));
    assert.equal(new Set(answers.map(({ refreshToken }) => refreshToken)).size, 1);
    const [second] = answers as [SignedIn];
    assert.equal((await refreshed(first)).refreshToken, second.refreshToken);
    await refreshed(second);
  });

  it('ends with its access tokens when a grandparent comes (27)', async () => {
    const first = await signUp();
    const third = await refreshed(await refreshed(first));
    await assertEnds([third], async () => assert.equal((await refresh(first)).status, 401));
  });

  it('ends by logout: this, again, and an unknown one with the same answer (33, 34)', async () => {
    const first = await signUp();
    const other = await signIn(first);
    const answers: RestAnswer[] = [];
    await assertEnds([first], async () => {
      for (const refreshToken of [first.refreshToken, first.refreshToken, 'unknown']) {
        answers.push(await logout({ refreshToken }));
      }
    });
    for (const { status, text } of answers) assert.deepEqual([status, text], [204, '']);
    assert.equal(await me(other), 200);
  });

  it('ends by logout of the others, and of all, which ask for an access token (33)', async () => {
    const mine = await signUp();
    const others = [await signIn(mine), await signIn(mine)];
    for (const scope of ['others', 'all']) assert.equal((await logout({ scope })).status, 401);
    await assertEnds(others, () => logout({ scope: 'others' }, mine.accessToken));
    assert.equal(await me(mine), 200);
    const again = await signIn(mine);
    await assertEnds([mine, again], () => logout({ scope: 'all' }, mine.accessToken));
  });

  it('ends when another session of the user changes the password (35)', async () => {
    const mine = await signUp();
    const other = await signIn(mine);
    const body = { current: PASSWORD, new: 'another walk along the sea shore' };
    await assertEnds([other], async () => {
      assert.equal((await rest(mesh, 'PUT /v1/me/password', { token: mine.accessToken, body })).status, 204);
    });
    assert.equal(await me(mine), 200);
    await signIn(mine, body.new);
  });

  it('ends when an admin changes the role or disables the user (35)', async () => {
    const { accessToken: token } = await signUpAdmin();
    const promoted = await signUp();
    await assertEnds([promoted], async () => {
      const { status } = await rest(mesh, `PUT /v1/users/${promoted.user.id}/role`, { token, body: { role: 'admin' } });
      assert.equal(status, 200);
    });
    await signIn(promoted);
    const disabled = await signUp();
    await assertEnds([disabled], async () => {
      assert.equal((await rest(mesh, `POST /v1/users/${disabled.user.id}/disable`, { token })).status, 200);
    });
    const { status } = await rest(mesh, 'POST /v1/auth/login', {
      body: { email: disabled.user.email, password: PASSWORD },
    });
    assert.equal(status, 401);
  });

  it("of another user does not exist: the same 404 as for an unknown one (37), and one's own ends", async () => {
    const [mine, stranger] = [await signUp(), await signUp()];
    const list = async ({ accessToken }: SignedIn) =>
      (await rest(mesh, 'GET /v1/me/sessions', { token: accessToken })).body.items as { sessionID: string }[];
    const [own] = await list(mine);
    assert.ok(own);
    const end = (by: SignedIn, id: string) => rest(mesh, `DELETE /v1/me/sessions/${id}`, { token: by.accessToken });
    const answers = [
      await end(stranger, own.sessionID),
      await end(stranger, '7f0c3c1e-6f0b-4a55-9d2a-3f7d8f6f1a01'),
      await end(stranger, 'no-session'),
    ];
    const shown = answers.map(({ status, body }) => ({ status, error: { ...body.error, requestId: '' } }));
    assert.deepEqual([shown[0]?.status, shown[1], shown[2]], [404, shown[0], shown[0]]);
    assert.equal((await list(mine)).length, 1);
    await assertEnds([mine], async () => assert.equal((await end(mine, own.sessionID)).status, 204));
    assert.equal(await me(stranger), 200);
  });

  it('leaves no token and no password in the logs, the metrics and the database (36)', async () => {
    const files = globSync(join(mesh.paths.logs, '**/*'), { withFileTypes: true }).filter((file) => file.isFile());
    const texts = files.map((file) => readFileSync(join(file.parentPath, file.name), 'utf8'));
    assert.ok(texts.some((text) => text.includes('refresh')));
    for (const url of Object.values(mesh.urls)) texts.push(await (await fetch(`${url}/metrics`)).text());
    for (const { tablename } of await sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")) {
      const [row] = await sql(`SELECT coalesce(json_agg(t), '[]')::text AS dump FROM ${tablename} t`);
      texts.push(String(row?.dump));
    }
    const everything = texts.join('\n');
    assert.ok(planted.length > 20);
    assert.ok(!everything.includes(PASSWORD));
    for (const { accessToken, refreshToken } of planted) {
      for (const token of [accessToken, refreshToken]) {
        assert.ok(!everything.includes(token.split('.')[2] as string));
      }
    }
  });
});
