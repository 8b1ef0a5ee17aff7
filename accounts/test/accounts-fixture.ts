import { randomUUID } from 'node:crypto';
import type { Query } from 'invariants';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type Client, createClient, type Service } from 'rpc-kit';
import { createTokenStore, type Database, openDatabase } from 'service-kit';
import { createTestDatabase, queryOn, type RanStatement, recordStatements, type TestDatabase } from 'testing';
import { accounts } from '../contract.ts';
import { createApp } from '../src/app.ts';
import { createTokens, type Tokens } from '../src/create-tokens.ts';
import { deriveKey } from '../src/derive-key.ts';
import type { Role, Store, User } from '../src/domain/ports.ts';
import { type IssuedTokens, startSession } from '../src/domain/start-session.ts';
import { createPasswords } from '../src/passwords/passwords.ts';
import type { HashParameters } from '../src/passwords/phc.ts';
import { createRevocationReader } from '../src/repository/revocations.ts';
import { createSessionReader } from '../src/repository/sessions.ts';
import { createStore } from '../src/repository/store.ts';
import { createUserReader } from '../src/repository/users.ts';

export const SECRET = 'a secret of the tests, with enough characters';
export const ISSUER = 'http://localhost:8000';
export const AUDIENCE = 'http://localhost:8000/v1';

export type AccountsClient = Client<typeof accounts.methods>;

/** One accounts, as one process runs it: with a pool, background work and metrics of its own. */
export interface Replica extends AsyncDisposable {
  readonly client: AccountsClient;
  readonly service: Service<typeof accounts.methods>;
  readonly database: Database;
  readonly store: Store;
  readonly tokens: Tokens;
  readonly registry: Registry;
}

export interface Accounts extends Replica {
  readonly testDatabase: TestDatabase;
  /** Another replica on the same database, closed with the fixture if not before. */
  start(options?: AccountsOptions): Promise<Replica>;
  /** What all replicas asked of the database, in the order in which it ended. */
  readonly statements: readonly RanStatement[];
  /** Runs SQL beside the replicas. */
  readonly query: Query;
  /** Creates a user without a password that anybody knows. */
  createUser(role?: Role): Promise<User>;
  /** Starts a session of the user, as login does. */
  signIn(user: User): Promise<IssuedTokens>;
}

/** As cheap as argon2 allows: a test waits for what it tests. */
export const CHEAP: HashParameters = { memory: 8, passes: 1, parallelism: 1 };

export interface AccountsOptions {
  /** Default: cheap ones. */
  readonly hashParameters?: HashParameters;
  readonly addressFree?: number;
  readonly decorate?: (database: Database) => Database;
}

export async function openAccounts(options: AccountsOptions = {}): Promise<Accounts> {
  await using stack = new AsyncDisposableStack();
  const testDatabase = stack.use(await createTestDatabase('accounts'));
  const { url } = testDatabase;
  const query = queryOn(stack.use(openPool(url)));
  const statements: RanStatement[] = [];
  const replicas = stack.use(new AsyncDisposableStack());
  const start = async (own: AccountsOptions = {}) =>
    replicas.use(await startReplica(url, statements, { ...options, ...own }));
  const first = await start();
  const { store, tokens } = first;
  const context = () => ({ signal: AbortSignal.timeout(10_000) });
  const opened = stack.move();
  return {
    ...first,
    testDatabase,
    start,
    statements,
    query,
    createUser: (role = 'user') =>
      store.transaction(async ({ users }) => {
        const email = `${randomUUID()}@shop.example`;
        const user = await users.create({ email, emailKey: email, passwordHash: '$argon2id$unknown', role });
        if (!user) throw new Error(`There is a user with the address ${email} already`);
        return user;
      }, context()),
    signIn: (user) =>
      store.transaction(async (repositories) => {
        await repositories.users.lock(user.user);
        return startSession({ ...tokens, repositories }, user, { address: '192.0.2.7', userAgent: 'tests' });
      }, context()),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

export async function startReplica(
  url: string,
  statements: RanStatement[],
  options: AccountsOptions,
): Promise<Replica> {
  const pool = openPool(url);
  const { decorate = (undecorated: Database) => undecorated } = options;
  const database = decorate(recordStatements(pool, statements));
  const store = createStore(database, { failuresKey: deriveKey(SECRET, 'login failures') });
  const logger = pino({ level: 'silent' });
  const config = { ACCOUNTS_SECRET: SECRET, TOKEN_ISSUER: ISSUER, TOKEN_AUDIENCE: AUDIENCE };
  const tokens = createTokens(database, config, logger);
  const registry = new Registry();
  const app = createApp({
    store,
    users: createUserReader(database),
    passwords: createPasswords(15, registry, options.hashParameters ?? CHEAP),
    limits: { addressFree: options.addressFree ?? 100 },
    sessions: createSessionReader(database),
    revocations: createRevocationReader(database),
    tokenBuckets: createTokenStore(database),
    tokens,
    logger,
    registry,
  });
  await tokens.keys.reload();
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await app[Symbol.asyncDispose]();
    await pool[Symbol.asyncDispose]();
  };
  return {
    client: createClient(accounts, app.service),
    service: app.service,
    database,
    store,
    tokens,
    registry,
    async [Symbol.asyncDispose]() {
      closed ??= close();
      await closed;
    },
  };
}

export function openPool(url: string): Database {
  return openDatabase({ url, poolMax: 10, logger: pino({ level: 'silent' }), registry: new Registry() });
}
