import assert from 'node:assert/strict';
import type { Registry } from 'prom-client';
import { failedWith, type RpcError } from 'rpc-kit';
import { accounts } from '../contract.ts';
import { type Accounts, type AccountsClient, openAccounts } from './accounts-fixture.ts';

const PASSWORD = 'a walk along the river';
const OTHER_PASSWORD = 'a walk along the sea shore';
const { methods } = accounts;

let numbered = 0;
const newEmail = (): string => `person-${++numbered}@shop.example`;
/** A network of its own for each test, so that tests do not delay each other. */
const newAddress = (): string => `2001:db8:${(++numbered).toString(16)}::1`;

describe('An account', () => {
  let fixture: Accounts;
  let client: AccountsClient;

  before(async () => {
    fixture = await openAccounts();
    ({ client } = fixture);
  });
  after(() => fixture?.[Symbol.asyncDispose]());

  async function register(email = newEmail(), password = PASSWORD) {
    return { ...(await client.register({ email, password })), email };
  }

  async function makeAdmin(): Promise<bigint> {
    const { user } = await register();
    return (await client.setRole({ actor: user.id, user: user.id, role: 'admin' })).user;
  }

  async function userRow(user: bigint) {
    const [row] = await fixture.query('SELECT password_hash, credentials_changed_at FROM users WHERE user_id = $1', [
      user,
    ]);
    return { hash: String(row?.password_hash), changedAt: row?.credentials_changed_at as Date };
  }

  const eventsOf = async (user: bigint) =>
    fixture.query('SELECT * FROM audit_events WHERE user_id = $1 ORDER BY event_id', [user]);

  const refreshes = async ({ refreshToken }: { refreshToken: string }): Promise<boolean> =>
    client.refresh({ refreshToken }).then(
      () => true,
      (error) => {
        assert.ok(failedWith(error, methods.refresh, 'session_ended'));
        return false;
      },
    );

  it('is registered with the role user and a session', async () => {
    const { user, refreshToken, email } = await register('Anna.Smith@Shop.Example');
    assert.deepEqual(user, { id: user.id, email, role: 'user' });
    const shown = await client.getUser({ user: user.id });
    assert.deepEqual(shown, { ...shown, user: user.id, email, role: 'user', disabled: false });
    assert.ok(await refreshes({ refreshToken }));
    assert.match((await userRow(user.id)).hash, /^\$argon2id\$v=19\$/);
  });

  it('is one for all spellings of its address that differ by case (46)', async () => {
    const { user } = await register('Bert@Shop.Example');
    const taken = client.register({ email: 'bERT@shop.EXAMPLE', password: PASSWORD });
    await assert.rejects(taken, (error) => failedWith(error, methods.register, 'email_taken'));
    assert.equal((await client.login({ email: 'BERT@shop.example', password: PASSWORD })).user.id, user.id);
  });

  it('is refused an address that is too long in NFC', async () => {
    const email = `anna@${`${'\u0958'.repeat(31)}.`.repeat(7)}example`;
    await assert.rejects(register(email), (error) => failedWith(error, methods.register, 'email_invalid'));
  });

  it('is registered once by calls at the same time on two replicas, in different spellings (46)', async () => {
    const another = await fixture.start();
    const email = newEmail();
    const calls = Array.from({ length: 20 }, (_, index) => {
      const spelling = index % 3 === 0 ? email.toUpperCase() : email;
      return (index % 2 ? client : another.client).register({ email: spelling, password: PASSWORD });
    });
    const results = await Promise.allSettled(calls);
    const refused = results.filter((result) => result.status === 'rejected');
    assert.equal(refused.length, 19);
    for (const { reason } of refused) assert.ok(failedWith(reason, methods.register, 'email_taken'), String(reason));
    assert.equal((await client.login({ email, password: PASSWORD })).user.email.toLowerCase(), email);
  });

  it('whose answer was lost can log in', async () => {
    const email = newEmail();
    await register(email);
    await assert.rejects(register(email), (error) => failedWith(error, methods.register, 'email_taken'));
    await client.login({ email, password: PASSWORD });
  });

  it('has a password of 15 to 1,024 characters, all of which count (44)', async () => {
    const long = 'a walk along the river, '.repeat(43).slice(0, 1_024);
    for (const password of ['a walk by sea x', long.slice(0, 64), long]) {
      const { email } = await register(newEmail(), password);
      await client.login({ email, password });
      const wrong = client.login({ email, password: `${password.slice(0, -1)}?` });
      await assert.rejects(wrong, (error) => failedWith(error, methods.login, 'invalid_credentials'));
    }
    const refused = (password: string) => client.register({ email: newEmail(), password });
    await assert.rejects(refused('a walk by sea '), (error) => {
      assert.ok(failedWith(error, methods.register, 'password_refused'));
      assert.deepEqual(error.details, { problem: 'too_short', lengthMin: 15 });
      return true;
    });
    await assert.rejects(refused(`${long}!`), { code: 'invalid_params' });
    await assert.rejects(refused('a walk along\0the river'), { code: 'invalid_params' });
  });

  it('takes a password in NFC and in NFD as the same (44)', async () => {
    const { email } = await register(newEmail(), 'promenade a\u0300 la rivie\u0300re');
    await client.login({ email, password: 'promenade \u00e0 la rivi\u00e8re' });
  });

  for (const [password, problem] of [
    ['passwordpassword', 'common'],
    ['order-mesh-order', 'context'],
  ] as const) {
    it(`cannot have the password ${password} (45)`, async () => {
      const attempt = client.register({ email: newEmail(), password });
      await assert.rejects(attempt, (error) => {
        assert.ok(failedWith(error, methods.register, 'password_refused'));
        assert.equal(error.details.problem, problem);
        return true;
      });
    });
  }

  it('is not registered with members or types that the contract does not have (47, 48)', async () => {
    const credential = { email: newEmail(), password: PASSWORD };
    for (const params of [
      { ...credential, role: 'admin' },
      { ...credential, id: 1 },
      { ...credential, emailVerified: true },
      { ...credential, device: { admin: true } },
      { ...credential, password: 123_456_789_012_345 },
      { ...credential, password: [PASSWORD] },
      { ...credential, password: null },
      { ...credential, password: { $ne: null } },
      { email: credential.email },
    ]) {
      await assert.rejects(client.register(params as never), { code: 'invalid_params' }, JSON.stringify(params));
      await assert.rejects(client.login(params as never), { code: 'invalid_params' }, JSON.stringify(params));
    }
    await assert.rejects(client.login(credential), (error) => failedWith(error, methods.login, 'invalid_credentials'));
  });

  it('that is disabled ends its sessions, and cannot log in or refresh (35)', async () => {
    const admin = await makeAdmin();
    const { user, refreshToken, email } = await register();
    assert.equal((await client.disableUser({ actor: admin, user: user.id })).disabled, true);
    assert.equal(await refreshes({ refreshToken }), false);
    const login = client.login({ email, password: PASSWORD });
    await assert.rejects(login, (error) => failedWith(error, methods.login, 'invalid_credentials'));
    assert.deepEqual(
      (await eventsOf(user.id)).map(({ kind, actor_id }) => [kind, actor_id]),
      [
        ['registered', null],
        ['disabled', admin],
        ['login failed', null],
      ],
    );
  });

  it('whose role changes ends its sessions (35)', async () => {
    const admin = await makeAdmin();
    const { user, refreshToken } = await register();
    assert.equal((await client.setRole({ actor: admin, user: user.id, role: 'admin' })).role, 'admin');
    assert.equal(await refreshes({ refreshToken }), false);
    const [, event] = await eventsOf(user.id);
    assert.deepEqual([event?.kind, event?.role, event?.actor_id], ['role changed', 'admin', admin]);
  });

  it('whose password changes ends its other sessions, and the old password is wrong (35)', async () => {
    const { user, sessionID, refreshToken, email } = await register();
    const other = await client.login({ email, password: PASSWORD });
    const { changedAt: before } = await userRow(user.id);
    await client.changePassword({ user: user.id, sessionID, current: PASSWORD, new: OTHER_PASSWORD });
    assert.equal(await refreshes({ refreshToken }), true);
    assert.equal(await refreshes(other), false);
    await client.login({ email, password: OTHER_PASSWORD });
    const login = client.login({ email, password: PASSWORD });
    await assert.rejects(login, (error) => failedWith(error, methods.login, 'invalid_credentials'));
    assert.ok((await userRow(user.id)).changedAt > before);
  });

  it('whose sessions end keeps none of those that refreshes and logins got at the same time (33, 35)', async () => {
    const admin = await makeAdmin();
    type Session = Awaited<ReturnType<typeof register>>;
    const ends: Record<string, (by: Session) => Promise<unknown>> = {
      password: ({ user, sessionID }) =>
        client.changePassword({ user: user.id, sessionID, current: PASSWORD, new: OTHER_PASSWORD }),
      disabled: ({ user }) => client.disableUser({ actor: admin, user: user.id }),
      all: ({ user }) => client.endSessions({ user: user.id }),
    };
    for (const [what, end] of Object.entries(ends)) {
      for (let round = 0; round < 5; round++) {
        const session = await register();
        const { email } = session;
        const { refreshToken } = await client.login({ email, password: PASSWORD });
        // A login after the end of all sessions is a new one.
        const logins = what === 'all' ? 0 : 3;
        const racing = [
          ...Array.from({ length: 3 }, () => client.refresh({ refreshToken })),
          ...Array.from({ length: logins }, () => client.login({ email, password: PASSWORD })),
        ].map((call) => call.catch(() => undefined));
        await end(session);
        const got = (await Promise.all(racing)).filter((tokens) => tokens !== undefined);
        for (const tokens of [{ refreshToken }, ...got]) assert.equal(await refreshes(tokens), false, what);
      }
    }
  });

  it('keeps one admin when two admins take the role from each other at the same time', async () => {
    await using own = await openAccounts();
    const another = await own.start();
    const admins: bigint[] = [];
    for (const email of [newEmail(), newEmail()]) {
      const { user } = await own.client.register({ email, password: PASSWORD });
      admins.push((await own.client.setRole({ actor: user.id, user: user.id, role: 'admin' })).user);
    }
    const [one = 0n, other = 0n] = admins;
    const results = await Promise.allSettled([
      own.client.setRole({ actor: one, user: other, role: 'user' }),
      another.client.disableUser({ actor: other, user: one }),
    ]);
    const refused = results.filter((result) => result.status === 'rejected');
    assert.equal(refused.length, 1);
    assert.ok(failedWith(refused[0]?.reason, methods.setRole, 'last_admin'));
    const [left] = await own.query("SELECT count(*)::integer FROM users WHERE role = 'admin' AND disabled_at IS NULL");
    assert.equal(left?.count, 1);
  });

  it('has a hash with the current parameters after a login, where they have risen (50)', async () => {
    const { user, email } = await register();
    const { changedAt: before } = await userRow(user.id);
    const raised = await fixture.start({ hashParameters: { memory: 64, passes: 2, parallelism: 1 } });
    await raised.client.login({ email, password: PASSWORD });
    const row = await userRow(user.id);
    assert.match(row.hash, /^\$argon2id\$v=19\$m=64,t=2,p=1\$/);
    assert.deepEqual(row.changedAt, before);
    // A process with lower parameters, as before an upgrade, leaves it.
    await client.login({ email, password: PASSWORD });
    assert.equal((await userRow(user.id)).hash, row.hash);
  });

  it('is logged in to by several calls at the same time, of which the first one stores a new hash (50)', async () => {
    const { user, email } = await register();
    const raised = await fixture.start({ hashParameters: { memory: 64, passes: 2, parallelism: 1 } });
    await Promise.all([1, 2, 3].map(() => raised.client.login({ email, password: PASSWORD })));
    assert.match((await userRow(user.id)).hash, /^\$argon2id\$v=19\$m=64,t=2,p=1\$/);
  });

  it('is listed by its number, a page at a time', async () => {
    await using own = await openAccounts();
    for (let n = 0; n < 5; n++) await own.createUser();
    const seen: bigint[] = [];
    let cursor: string | undefined;
    do {
      const page = await own.client.listUsers({ limit: 2, ...(cursor && { cursor }) });
      seen.push(...page.users.map(({ user }) => user));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    assert.deepEqual(seen, [1n, 2n, 3n, 4n, 5n]);
  });

  it('shows no hash and nothing else than the contract has (55)', async () => {
    const { user } = await register();
    const members = ['createdAt', 'disabled', 'email', 'role', 'user'];
    assert.deepEqual(Object.keys(await client.getUser({ user: user.id })).toSorted(), members);
    for (const each of (await client.listUsers({ limit: 100 })).users)
      assert.deepEqual(Object.keys(each).toSorted(), members);
  });
});

describe('A login', () => {
  let fixture: Accounts;
  let client: AccountsClient;

  before(async () => {
    fixture = await openAccounts();
    ({ client } = fixture);
  });
  after(() => fixture?.[Symbol.asyncDispose]());

  async function register(address = newAddress()): Promise<string> {
    const email = newEmail();
    await client.register({ email, password: PASSWORD, device: { address } });
    return email;
  }

  const guess = (email: string, address?: string, password = 'a wrong password, or two') =>
    client.login({ email, password, ...(address !== undefined && { device: { address } }) });

  /** @returns the answer to the attempt, as the wire has it */
  const answerOf = (attempt: Promise<unknown>) =>
    attempt.then(
      () => assert.fail('the login succeeded'),
      ({ code, reason, message, details, retryAfterMs }: RpcError) => {
        const isDelayed = reason === 'too_many_attempts';
        return { code, reason, message, ...(isDelayed ? {} : { details, retryAfterMs }) };
      },
    );

  /** No delay ends during the test, however slow the machine is. */
  const holdDelays = (count = 5, { query } = fixture) =>
    query("UPDATE login_failures SET next_allowed_at = now() + interval '1 hour' WHERE count = $1", [count]);

  /** The time passes: every delay is over. */
  const passDelays = () =>
    fixture.query("UPDATE login_failures SET next_allowed_at = next_allowed_at - interval '15 minutes'");

  it('to an unknown account has the same answer and the same work as a wrong password, also when delayed (38, 39)', async () => {
    const known = await register();
    const unknown = newEmail();
    const answers = { known: [] as unknown[], unknown: [] as unknown[] };
    const hashes = { known: 0, unknown: 0 };
    for (let n = 0; n < 8; n++) {
      if (n === 5) await holdDelays();
      for (const [name, email] of Object.entries({ known, unknown }) as ['known' | 'unknown', string][]) {
        const before = await hashesOf(fixture.registry);
        answers[name].push(await answerOf(guess(email, newAddress())));
        hashes[name] += (await hashesOf(fixture.registry)) - before;
      }
    }
    assert.deepEqual(answers.unknown, answers.known);
    assert.deepEqual(hashes, { known: 5, unknown: 5 });
    assert.deepEqual(
      new Set(answers.known.map((answer) => (answer as RpcError).reason)),
      new Set(['invalid_credentials', 'too_many_attempts']),
    );
  });

  it('is not made possible sooner by a refresh or by a live session (40)', async () => {
    const email = newEmail();
    const first = await client.register({ email, password: PASSWORD });
    for (let n = 0; n < 5; n++) await answerOf(guess(email));
    await holdDelays();
    await client.refresh({ refreshToken: first.refreshToken });
    await client.listSessions({ user: first.user.id });
    await client.getUser({ user: first.user.id });
    await assert.rejects(guess(email), (error) => failedWith(error, methods.login, 'too_many_attempts'));
  });

  it('from a network of earlier logins is not delayed by an attacker elsewhere (41)', async () => {
    const address = newAddress();
    const email = await register();
    await guess(email, address, PASSWORD);
    for (let n = 0; n < 20; n++) {
      await answerOf(guess(email, newAddress()));
      await passDelays();
    }
    await answerOf(guess(email, newAddress()));
    await assert.rejects(guess(email, newAddress(), PASSWORD), (error) =>
      failedWith(error, methods.login, 'too_many_attempts'),
    );
    await guess(email, address, PASSWORD);
  });

  it('is delayed by 15 minutes at most, so that a person elsewhere gets in too (41)', async () => {
    const email = await register();
    for (let n = 0; n < 25; n++) {
      await answerOf(guess(email, newAddress()));
      await passDelays();
    }
    await answerOf(guess(email, newAddress()));
    await assert.rejects(guess(email, newAddress(), PASSWORD), (error) => {
      assert.ok(failedWith(error, methods.login, 'too_many_attempts'));
      assert.ok(error.details.retryAfterMs > 890_000 && error.details.retryAfterMs <= 900_000);
      assert.equal(error.retryAfterMs, error.details.retryAfterMs);
      return true;
    });
    await passDelays();
    await guess(email, newAddress(), PASSWORD);
  });

  it('is counted anew a day after the first failure, however late the last one was', async () => {
    await using own = await openAccounts();
    const email = newEmail();
    const fail = () => answerOf(own.client.login({ email, password: PASSWORD }));
    const pass = (time: string) =>
      own.query(`UPDATE login_failures
        SET next_allowed_at = next_allowed_at - interval '${time}', forget_at = forget_at - interval '${time}'`);
    for (let n = 0; n < 8; n++) {
      await fail();
      await pass('20 minutes');
    }
    await pass('21 hours');
    await fail();
    await pass('1 hour');
    for (let n = 0; n < 5; n++)
      assert.equal(((await fail()) as RpcError).reason, 'invalid_credentials', `guess ${n + 1} of the next day`);
  });

  it('is tried five times by a hundred guesses at the same time on two replicas (42)', async () => {
    const email = await register();
    const another = await fixture.start();
    const began = performance.now();
    const before = (await hashesOf(fixture.registry)) + (await hashesOf(another.registry));
    const results = await Promise.allSettled(
      Array.from({ length: 100 }, (_, index) =>
        [fixture, another][index % 2]?.client.login(
          { email, password: `a wrong password, number ${index}`, device: { address: newAddress() } },
          { timeoutMs: 30_000 },
        ),
      ),
    );
    const reasons = results.map((result) => (result.status === 'rejected' ? result.reason.reason : 'ok'));
    const countOf = (reason: unknown) => reasons.filter((each) => each === reason).length;
    // Five at once; on a slow machine, the sixth after a second, the seventh after two more, …
    const allowed = 5 + Math.floor(Math.log2(1 + (performance.now() - began) / 1_000));
    const tried = countOf('invalid_credentials');
    assert.ok(tried >= 5 && tried <= allowed, `${tried} of ${allowed}: ${reasons}`);
    assert.equal((await hashesOf(fixture.registry)) + (await hashesOf(another.registry)) - before, tried);
    // The others came too late, or were shed because all places of the hasher were taken.
    assert.equal(countOf('too_many_attempts') + countOf(undefined), 100 - tried);
  });

  it('counts the addresses of one /64 together, and not those of another (43)', async () => {
    await using own = await openAccounts({ addressFree: 3 });
    const failFrom = (address: string) =>
      own.client.login({ email: newEmail(), password: PASSWORD, device: { address } });
    for (const end of ['::1', ':1:2:3:4', ':ffff:ffff:ffff:ffff']) {
      await assert.rejects(failFrom(`2001:db8:0:1${end}`), (error) =>
        failedWith(error, methods.login, 'invalid_credentials'),
      );
    }
    await holdDelays(3, own);
    const delayed = (error: unknown) => failedWith(error, methods.login, 'too_many_attempts');
    await assert.rejects(failFrom('2001:db8:0:1::99'), delayed);
    await assert.rejects(failFrom('2001:db8:0:2::1'), (error) => !delayed(error));
  });

  it('registers so many accounts from one network', async () => {
    await using own = await openAccounts({ addressFree: 3 });
    const register = (address: string) =>
      own.client.register({ email: newEmail(), password: PASSWORD, device: { address } });
    for (let n = 0; n < 3; n++) await register('192.0.2.7');
    await holdDelays(3, own);
    await assert.rejects(register('::ffff:192.0.2.7'), (error) =>
      failedWith(error, methods.register, 'too_many_attempts'),
    );
    await register('192.0.2.8');
  });

  it('that fails shares one audited row with the others of its hour, of known accounts and of unknown ones', async () => {
    const email = newEmail();
    const { user } = await client.register({ email, password: PASSWORD });
    await fixture.query('DELETE FROM audit_events');
    for (let n = 0; n < 3; n++) {
      await answerOf(guess(email, newAddress()));
      await answerOf(guess(newEmail(), newAddress()));
    }
    const rows = await fixture.query(
      'SELECT user_id, kind, sum(count)::integer AS count FROM audit_events GROUP BY 1, 2',
    );
    const shown = rows.map(({ user_id, kind, count }) => `${user_id} ${kind} ${count}`).toSorted();
    assert.deepEqual(shown, [`${user.id} login failed 3`, 'null login failed 3'].toSorted());
  });
});

/** The password hashes that a process has computed. */
async function hashesOf(registry: Registry): Promise<number> {
  const { values = [] } = (await registry.getSingleMetric('password_hash_duration_seconds')?.get()) ?? {};
  return values.find((value) => 'metricName' in value && String(value.metricName).endsWith('_count'))?.value ?? 0;
}
