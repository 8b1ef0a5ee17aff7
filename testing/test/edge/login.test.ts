import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { accounts } from 'accounts/contract.ts';
import { findRunningMesh, PROJECT_DIRECTORY } from 'mesh';
import { loadSecrets } from 'mesh/mesh-folder';
import { createClient, createHttpTransport } from 'rpc-kit';
import { eventually, startMesh, type TestMesh } from 'testing';
import { openSql, type Sql } from '../../src/sql.ts';
import { listeningAt, start } from '../planted-secrets.ts';

const PASSWORD = 'a walk along the river';
const WRONG = 'a walk along the wrong river';

/** The numbers of 64-bit ids are strings in REST. */
interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: {
    readonly user?: { readonly id: string; readonly email: string; readonly role: string };
    readonly accessToken?: string;
    readonly refreshToken?: string;
    readonly items?: Record<string, unknown>[];
    readonly error?: {
      readonly reason?: string;
      readonly code: string;
      readonly requestId: string;
      readonly details?: unknown;
      readonly retryAfterMs?: number;
    };
  };
}

interface Options {
  readonly body?: unknown;
  /** The client's address, as a trusted proxy in front of the gateway names it. */
  readonly from?: string;
  readonly token?: string | undefined;
  readonly method?: string;
}

let numbered = 0;
const newEmail = (): string => `person-${++numbered}@shop.example`;
/** Tests do not delay each other. */
const newAddress = (): string => `2001:db8:${(++numbered).toString(16)}::1`;

describe('Login and registration at the edge', function () {
  this.timeout(300_000);
  let mesh: TestMesh;
  let sql: Sql;
  const shown: string[] = [];

  before(async () => {
    mesh = await startMesh({
      // The tests are the proxy.
      TRUSTED_PROXIES: '127.0.0.1',
      // These limits have tests of their own.
      RATE_LIMIT_AUTH: '1000000',
      RATE_LIMIT_ADDRESS: '1000000',
      ADDRESS_ATTEMPTS_FREE: '20',
      LOG_LEVEL: 'debug',
    });
    sql = openSql(findRunningMesh(mesh.variables).databaseUrls.accounts);
  });
  after(async () => {
    await sql?.[Symbol.asyncDispose]();
    await mesh?.[Symbol.asyncDispose]();
  });

  async function send(path: string, { body, from = newAddress(), token, method }: Options = {}): Promise<Answer> {
    const response = await fetch(`${mesh.urls.gateway}${path}`, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        'x-forwarded-for': from,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) };
  }

  const login = (email: string, password = PASSWORD, from?: string) =>
    send('/v1/auth/login', { body: { email, password }, ...(from !== undefined && { from }) });

  async function register(email = newEmail(), password = PASSWORD, from?: string): Promise<Answer & { email: string }> {
    const answer = await send('/v1/auth/register', {
      body: { email, password },
      ...(from !== undefined && { from }),
    });
    if (answer.status === 201) shown.push(answer.body.accessToken ?? '', answer.body.refreshToken ?? '');
    return { ...answer, email };
  }

  async function registered(): Promise<string> {
    const { status, email } = await register();
    assert.equal(status, 201);
    return email;
  }

  /** The time passes: every delay is over. */
  const passDelays = () => sql("UPDATE login_failures SET next_allowed_at = next_allowed_at - interval '15 minutes'");

  /** No delay ends during the test, however slow the machine is. */
  const holdDelays = (count = 5) =>
    sql("UPDATE login_failures SET next_allowed_at = now() + interval '1 hour' WHERE count = $1", [count]);

  async function hashes(url = mesh.urls.accounts): Promise<number> {
    const text = await (await fetch(`${url}/metrics`)).text();
    return Number(/^password_hash_duration_seconds_count\S* (\d+)$/m.exec(text)?.[1] ?? 0);
  }

  /** All that tells two answers apart, but for the id of the request and the time that is left. */
  function comparable({ status, headers, body }: Answer) {
    const { requestId: _id, details: _details, retryAfterMs: _left, ...error } = body.error ?? assert.fail('no error');
    return { status, headers: [...headers.keys()].toSorted(), error };
  }

  it('finds no account and no admin in a new mesh; make admin makes the first one (51)', async () => {
    assert.deepEqual(await sql('SELECT email FROM users'), []);
    const env = { ...process.env, ...mesh.variables, EMAIL: 'root@shop.example' };
    const out = await new Promise<string>((resolve, reject) => {
      execFile(process.execPath, [join(PROJECT_DIRECTORY, 'tools/src/admin.ts')], { env }, (error, stdout) =>
        error ? reject(error) : resolve(stdout),
      );
    });
    const [password = ''] = /[\w-]{24}$/.exec(out.trim()) ?? [];
    shown.push(password);
    const { body } = await login('root@shop.example', password);
    assert.equal(body.user?.role, 'admin');
    const { status, body: list } = await send('/v1/users', { token: body.accessToken });
    assert.equal(status, 200);
    assert.deepEqual(
      list.items?.map(({ email }) => email),
      ['root@shop.example'],
    );
  });

  it('answers an unknown address like a wrong password after the same work, also when delayed (38, 39)', async () => {
    const known = await registered();
    const unknown = newEmail();
    const answers: Record<string, unknown[]> = { [known]: [], [unknown]: [] };
    const work: Record<string, number> = { [known]: 0, [unknown]: 0 };
    for (let n = 0; n < 7; n++) {
      if (n === 5) await holdDelays();
      for (const email of [known, unknown]) {
        const before = await hashes();
        answers[email]?.push(comparable(await login(email, WRONG)));
        work[email] = (work[email] ?? 0) + (await hashes()) - before;
      }
    }
    assert.deepEqual(answers[unknown], answers[known]);
    assert.deepEqual(work, { [known]: 5, [unknown]: 5 });
    assert.deepEqual(
      answers[known]?.map((answer) => (answer as { status: number }).status),
      [401, 401, 401, 401, 401, 429, 429],
    );
  });

  it('is not made possible sooner by a refresh or a live session (40)', async () => {
    const { email, body } = await register();
    for (let n = 0; n < 5; n++) await login(email, WRONG);
    await holdDelays();
    const refreshed = await send('/v1/auth/refresh', { body: { refreshToken: body.refreshToken } });
    assert.equal(refreshed.status, 200);
    assert.equal((await send('/v1/me', { token: refreshed.body.accessToken })).status, 200);
    const { status, headers } = await login(email, PASSWORD);
    assert.equal(status, 429);
    assert.ok(Number(headers.get('retry-after')) >= 1);
  });

  it('is possible from an address of earlier logins, whatever an attacker elsewhere does (41)', async () => {
    const [home, email] = [newAddress(), await registered()];
    assert.equal((await login(email, PASSWORD, home)).status, 200);
    for (let n = 0; n < 20; n++) {
      await login(email, WRONG);
      await passDelays();
    }
    await login(email, WRONG);
    assert.equal((await login(email)).status, 429);
    assert.equal((await login(email, PASSWORD, home)).status, 200);
  });

  it('tries five of a hundred guesses that two replicas of accounts receive at the same time (42)', async () => {
    const email = await registered();
    const { databaseUrls } = findRunningMesh(mesh.variables);
    const variables = { DATABASE_URL: databaseUrls.accounts, ACCOUNTS_SECRET: loadSecrets(mesh.paths).keys.accounts };
    await using replica = start('accounts/src/main.ts', variables);
    const url = await listeningAt(replica);
    const wire = createHttpTransport(url, { userAgent: 'tests' });
    const second = createClient(accounts, wire);
    const before = (await hashes()) + (await hashes(url));
    const began = performance.now();
    const guesses = Array.from({ length: 100 }, (_, n) => {
      const password = `${WRONG} ${n}`;
      if (n % 2) return login(email, password).then(({ body }) => body.error?.reason);
      const device = { address: newAddress() };
      return second.login({ email, password, device }, { timeoutMs: 30_000 }).then(
        () => 'ok',
        ({ reason }) => reason,
      );
    });
    const reasons = await Promise.all(guesses);
    // Five at once; on a slow machine, the sixth after a second, the seventh after two more, …
    const allowed = 5 + Math.floor(Math.log2(1 + (performance.now() - began) / 1_000));
    const tried = reasons.filter((reason) => reason === 'invalid_credentials').length;
    assert.ok(tried >= 5 && tried <= allowed, `${tried} of ${allowed}: ${reasons}`);
    assert.equal((await hashes()) + (await hashes(url)) - before, tried);
    assert.ok(!reasons.includes('ok'));
    await wire[Symbol.asyncDispose]();
  });

  it('counts failed logins by IPv4 address and by IPv6 network of /64 (43)', async () => {
    for (let n = 0; n < 20; n++) {
      assert.equal((await login(newEmail(), WRONG, `2001:db8:ffff:1::${n.toString(16)}`)).status, 401);
    }
    await holdDelays(20);
    assert.equal((await login(newEmail(), WRONG, '2001:db8:ffff:1:ffff::1')).status, 429);
    assert.equal((await login(newEmail(), WRONG, '2001:db8:ffff:2::1')).status, 401);
  });

  it('takes passwords of 15 to 1,024 characters whole, in NFC and NFD (44)', async () => {
    const long = 'a walk along the river, '.repeat(43).slice(0, 1_024);
    for (const password of ['a walk by sea x', long.slice(0, 64), long]) {
      const { status, email } = await register(newEmail(), password);
      assert.equal(status, 201);
      assert.equal((await login(email, password)).status, 200);
      assert.equal((await login(email, `${password.slice(0, -1)}?`)).status, 401);
    }
    const { email } = await register(newEmail(), 'promenade a\u0300 la rivie\u0300re');
    assert.equal((await login(email, 'promenade \u00e0 la rivi\u00e8re')).status, 200);
    for (const password of ['a walk by sea ', `${long}!`, 'a walk along\0the river', '\ud800 a walk along the river']) {
      const refused = await register(newEmail(), password);
      assert.deepEqual([refused.status, refused.body.error?.code], [400, 'invalid_params'], password.slice(0, 30));
    }
  });

  it('refuses common passwords, and those made of the service or the address (45)', async () => {
    const passwords = {
      passwordpassword: 'common',
      '123456789012345': 'common',
      'order-mesh-order': 'context',
      'shop.example-shop': 'context',
    };
    for (const [password, problem] of Object.entries(passwords)) {
      const { status, body } = await register(newEmail(), password);
      assert.equal(status, 400);
      assert.deepEqual([body.error?.reason, body.error?.details], ['password_refused', { problem, lengthMin: 15 }]);
    }
  });

  it('creates one account of registrations of one address at the same time, in any case (46)', async () => {
    const email = newEmail();
    const spellings = Array.from({ length: 8 }, (_, n) => (n % 2 ? email : email.toUpperCase()));
    const answers = await Promise.all(spellings.map((spelling) => register(spelling)));
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [201, ...Array(7).fill(409)]);
    assert.equal((await login(email.replace('person', 'PERSON'))).status, 200);
  });

  it('refuses members and types that the contract does not have (47, 48)', async () => {
    const credential = { email: newEmail(), password: PASSWORD };
    const bodies = [
      { ...credential, role: 'admin' },
      { ...credential, id: '1' },
      { ...credential, emailVerified: true },
      { ...credential, device: { address: '192.0.2.7' } },
      ...[123_456_789_012_345, [PASSWORD], null, true, { $ne: '' }].map((password) => ({ ...credential, password })),
      [credential],
    ];
    for (const path of ['/v1/auth/register', '/v1/auth/login']) {
      for (const body of bodies) {
        const { status } = await send(path, { body });
        assert.equal(status, 400, `${path} ${JSON.stringify(body)}`);
      }
    }
    assert.equal((await login(credential.email)).status, 401);
  });

  it('sheds a flood of hashes, while other routes answer (49)', async () => {
    const { body } = await register();
    const { body: left } = await register();
    const answers: Answer[] = [];
    let isFlooding = true;
    const attack = async (): Promise<void> => {
      const address = newAddress();
      while (isFlooding) answers.push(await login(newEmail(), WRONG, address));
    };
    const flood = Array.from({ length: 100 }, attack);
    // By accounts (429), or by the gateway before (503).
    const wasShed = ({ status }: Answer): boolean => status === 429 || status === 503;
    await eventually('logins are shed', () => answers.some(wasShed));
    for (const path of ['/v1/products', '/healthz', '/.well-known/jwks.json', '/v1/me']) {
      const token = path === '/v1/me' ? body.accessToken : undefined;
      await eventually(`${path} answers`, async () => (await send(path, { token })).status === 200);
    }
    // The session of another person is refreshed, and its end reaches the gateway. On a busy machine an answer may be late; both
    // requests may be repeated.
    let { refreshToken, accessToken: token } = left;
    await eventually('the session is refreshed', async () => {
      const exchanged = await send('/v1/auth/refresh', { body: { refreshToken: left.refreshToken } });
      ({ refreshToken, accessToken: token } = exchanged.body);
      return exchanged.status === 200;
    });
    const logout = () => send('/v1/auth/logout', { body: { refreshToken } });
    await eventually('the session is ended', async () => (await logout()).status === 204);
    await eventually('the session has ended', async () => (await send('/v1/me', { token })).status === 401);
    isFlooding = false;
    await Promise.all(flood);
    const metrics = await (await fetch(`${mesh.urls.gateway}/metrics`)).text();
    assert.match(metrics, /^rpc_client_breaker_state\{.*peer="accounts",.*\} 0$/m);
    for (const { headers } of answers.filter(wasShed)) assert.ok(Number(headers.get('retry-after')) >= 1);
    // 504: on a busy machine, the deadline of a call may pass while it waits for its hash.
    for (const { status } of answers) assert.ok([401, 429, 503, 504].includes(status), String(status));
    assert.equal((await login(await registered())).status, 200);
  });

  it('leaves no password and no token in the logs, and no password in the database (36, 55)', async () => {
    const logs = readdirSync(mesh.paths.logs).map((file) => readFileSync(join(mesh.paths.logs, file), 'utf8'));
    const secrets = [PASSWORD, WRONG, ...shown];
    assert.ok(shown.length > 20 && logs.join('').includes('login'));
    for (const secret of secrets) {
      assert.ok(secret.length > 10 && !logs.some((log) => log.includes(secret)), 'a secret is in a log');
    }
    for (const table of ['users', 'login_failures', 'audit_events', 'sessions']) {
      const [row] = await sql(`SELECT string_agg(to_jsonb(t)::text, ' ') AS text FROM ${table} t`);
      for (const secret of secrets) assert.ok(!String(row?.text).includes(secret), `a secret is in ${table}`);
    }
    const [row] = await sql('SELECT string_agg(to_jsonb(f)::text, $1) AS text FROM login_failures f', [' ']);
    assert.ok(!String(row?.text).includes('shop.example'), 'the failures name an address');
  });
});
