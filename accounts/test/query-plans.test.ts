import { forgetFullBuckets } from 'service-kit';
import { itReadsByIndexOnly, pretendRows, rolledBack, writePast } from 'testing';
import { forgetAuditEvents } from '../src/repository/audit.ts';
import { forgetFailures } from '../src/repository/login-failures.ts';
import { forgetRevocations } from '../src/repository/revocations.ts';
import { createSessionCounter, forgetSessions } from '../src/repository/sessions.ts';
import { endActiveKey, removeSigningKeys } from '../src/repository/signing-keys.ts';
import { type Accounts, openAccounts } from './accounts-fixture.ts';

/** Every statement of accounts, except the readiness check and the journal of operations (see those of checkout). */
const STATEMENTS = [
  'activate signing key',
  'add audit event',
  'add revocations',
  'add signing key',
  'count active users',
  'count failed login',
  'count sessions',
  'create user',
  'disable user',
  'end active signing key',
  'end session',
  'end sessions',
  'evict sessions',
  'find failures',
  'find session',
  'find user',
  'find user by email',
  'forget audit events',
  'forget failures',
  'forget full buckets',
  'forget revocations',
  'forget sessions',
  'lease tokens',
  'list locked signing keys',
  'list revocations',
  'list sessions',
  'list signing keys',
  'list users',
  'lock failures',
  'lock session',
  'lock signing keys',
  'lock user',
  'lock user and admins',
  'mark key',
  'remove failures',
  'remove signing key',
  'remove signing keys',
  'retire signing key',
  'rotate session',
  'save failures',
  'set password hash',
  'set role',
  'start session',
];

/** The tables that grow. */
const TABLES = ['users', 'sessions', 'revocations', 'token_buckets', 'login_failures', 'audit_events'];

/** Plans are tested as for a million users. */
const PLANNED = 1_000_000;
/** Few enough for every run; statistics make the planner expect all of them. */
const USERS = 20_000;
/** A limit against hanging: the inserts need seconds, more on a busy machine. */
const PAST_MAX_MS = 120_000;

/** One user in a thousand is an admin. Each has two sessions, of which one in ten is live, and one has been active lately. */
const pastOf = (first: number, last: number): readonly string[] => [
  `INSERT INTO users (user_id, email, email_key, password_hash, role)
  SELECT id, id || '@shop.example', id || '@shop.example', '$argon2id$unknown', CASE WHEN id % 1000 = 0 THEN 'admin' ELSE 'user' END
  FROM generate_series(${first}, ${last}) id`,

  `INSERT INTO sessions (session_id, user_id, rotated_at, created_at, expires_at, absolute_expires_at, revoked_at, reason)
  SELECT gen_random_uuid(), user_id, used, used, used + interval '14 days', used + interval '30 days',
    CASE WHEN user_id % 3 = 0 THEN used END, CASE WHEN user_id % 3 = 0 THEN 'logout' END
  FROM users, generate_series(0, 1) n,
    LATERAL (SELECT now() - (user_id % 100 + n) * interval '1.5 days' AS used) past
  WHERE user_id BETWEEN ${first} AND ${last}`,

  `INSERT INTO revocations SELECT seq, gen_random_uuid(), now() + interval '5 minutes' FROM generate_series(${first}, ${last}) seq`,

  `INSERT INTO token_buckets SELECT 'user:' || id, 1, now(), 1, now() + id * interval '1 second' FROM generate_series(${first}, ${last}) id`,

  `INSERT INTO login_failures
  SELECT sha256(id::text::bytea), 1, now(), now() + id * interval '1 second' FROM generate_series(${first}, ${last}) id`,

  `INSERT INTO audit_events (kind, user_id, happened_at)
  SELECT 'logged in', user_id, now() - user_id * interval '10 minutes' FROM users WHERE user_id BETWEEN ${first} AND ${last}`,
];

const PASSWORD = 'a walk along the river';
const OTHER_PASSWORD = 'a walk along the sea shore';

/** Runs each statement at least once, through the code that runs it in production. */
async function runEveryStatement({ client, database, tokens, query }: Accounts): Promise<void> {
  const context = { signal: AbortSignal.timeout(PAST_MAX_MS) };
  const person = { email: 'query-plans@shop.example', device: { address: '192.0.2.7' } };
  await client.register({ ...person, password: PASSWORD });
  await client.login({ ...person, password: OTHER_PASSWORD }).catch(() => {});
  const { user, sessionID, refreshToken } = await client.login({ ...person, password: PASSWORD });
  await client.changePassword({ user: user.id, sessionID, current: PASSWORD, new: OTHER_PASSWORD });
  await client.refresh({ refreshToken });
  await client.listSessions({ user: user.id });
  await client.getUser({ user: user.id });
  await client.listUsers({ limit: 20 });
  await client.endSession({ user: user.id, sessionID });
  await client.endSession({ user: user.id, sessionID });
  await client.endSessions({ user: user.id });
  await client.setRole({ actor: 1_000n, user: user.id, role: 'admin' });
  await client.disableUser({ actor: 1_000n, user: user.id });
  await client.revokedSince({ seq: 10n });
  await client.leaseTokens({ bucket: 'user:1', wanted: 1, capacity: 10, perSecond: 1 });
  const counter = createSessionCounter(database);
  await counter.live(1_000, context);
  await counter.activeUsers(1_000, 600_000, context);
  // Nothing of the past is old enough to be deleted.
  await forgetAuditEvents(database, 365, context.signal);
  await forgetFailures(database, context.signal);
  await forgetFullBuckets(database);
  await forgetRevocations(database);
  await forgetSessions(database, 365);
  await endActiveKey(database);
  // Seconds later.
  await query("UPDATE signing_keys SET until = now() WHERE state = 'next'");
  await tokens.keys.reload();
  await tokens.keys.reload();
}

describe('The statements of accounts', function () {
  this.timeout(PAST_MAX_MS);
  let accounts: Accounts;

  before(async () => {
    accounts = await openAccounts();
    const { query } = accounts;
    await writePast(query, { orders: USERS, tables: TABLES, statementsOf: pastOf });
    await query(`SELECT setval(pg_get_serial_sequence('users', 'user_id'), ${USERS})`);
    await query(`UPDATE revocations_seq SET last = ${USERS}`);
    await pretendRows(accounts.testDatabase, PLANNED / USERS);
    await runEveryStatement(accounts);
    await query("UPDATE signing_keys SET until = now() WHERE state = 'retired'");
    await accounts.tokens.keys.reload();
    await accounts.tokens.keys.reload();
    await removeSigningKeys(accounts.database);
  });
  after(() => accounts?.[Symbol.asyncDispose]());

  itReadsByIndexOnly({
    folder: 'accounts/src/repository',
    names: STATEMENTS,
    tables: TABLES,
    ran: () => accounts.statements,
    trial: (work) => rolledBack(accounts.database, work),
  });
});
