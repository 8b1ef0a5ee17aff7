import { setTimeout as sleep } from 'node:timers/promises';
import { accounts } from 'accounts/contract.ts';
import { checkout } from 'checkout/contract.ts';
import { loms } from 'loms/contract.ts';
import { notifications } from 'notifications/contract.ts';
import { products } from 'products/contract.ts';
import { CODES, createClient, createHttpTransport, RpcError } from 'rpc-kit';
import { type Caller, USER_AGENT } from '../connections.ts';
import type { RecordedCall } from '../recorder.ts';
import type { Clients, Person, RunIds } from '../user.ts';
import { type Account, registerAccount } from './account.ts';
import { createExchange, type Exchange } from './exchange.ts';
import { createRestTransport } from './transport.ts';

/** A user with an account, whose calls go through the gateway with the access token of the account. */
export interface EdgePerson extends Person {
  readonly clients: Clients;
}

export interface People {
  /** One for each user, and the admin last. */
  readonly list: readonly EdgePerson[];
  /** No log may contain these. */
  readonly secrets: readonly string[];
  /** Ends every session, and then tries to go on with it, which has to be refused. */
  logout(record: (call: RecordedCall) => void): Promise<void>;
}

interface PeopleOptions {
  readonly gatewayUrl: string;
  readonly accountsUrl: string;
  readonly caller: Caller;
  readonly users: number;
  readonly ids: RunIds;
}

/** Registers the users, an admin, and a stranger who never fills a cart. */
export async function registerPeople(options: PeopleOptions): Promise<People> {
  const { gatewayUrl, users, ids } = options;
  const exchange = createExchange(gatewayUrl, USER_AGENT);
  const names = [...Array.from({ length: users }, (_, index) => `user-${index + 1}`), 'admin', 'stranger'];
  const registered: Account[] = [];
  // One after the other: each password keeps a core of accounts busy.
  for (const name of names) {
    registered.push(await registerAccount(exchange, `storm-${ids.run}-${name}@storm.example`));
  }
  const [stranger, admin] = [registered.at(-1) as Account, registered.at(-2) as Account];
  await promote(admin, options);
  const open = (account: Account): EdgePerson => {
    const accountOf = ({ user }: { readonly user?: unknown }): Account =>
      user !== undefined && String(user) === String(stranger.user) ? stranger : account;
    const transport = createRestTransport(exchange, accountOf);
    return {
      id: account.user,
      stranger: stranger.user,
      actsFor: (params) => accountOf(params).user,
      renewTokens: () => account.refresh().catch(throwUnlessBusy),
      clients: {
        checkout: createClient(checkout, transport),
        loms: createClient(loms, transport),
        products: createClient(products, transport),
        notifications: createClient(notifications, transport),
      },
    };
  };
  return {
    list: registered.slice(0, -1).map(open),
    secrets: registered.flatMap(({ secrets }) => secrets),
    async logout(record) {
      await Promise.all(registered.map((account) => endSession(exchange, account, record)));
    },
  };
}

/** Under overload, the user goes on with the tokens that it has. */
function throwUnlessBusy(error: unknown): void {
  if (!(error instanceof RpcError) || CODES[error.code].retry === 'never') throw error;
}

/** Longer than the 2 s within which a logout reaches the gateway. */
const LOGGED_OUT_MS = 2_500;
const TIMEOUT_MS = 5_000;

async function endSession(exchange: Exchange, account: Account, record: (call: RecordedCall) => void): Promise<void> {
  const authorization = `Bearer ${await account.token()}`;
  const attempt = async (method: string, call: () => Promise<unknown>): Promise<void> => {
    const [startedAt, began] = [new Date(), performance.now()];
    const outcome = await call().then(
      (): RecordedCall['outcome'] => ({ result: 'ok', answer: {} }),
      ({ code, message }: RpcError): RecordedCall['outcome'] => ({
        result: 'info',
        code,
        message,
        retryAfterMs: undefined,
      }),
    );
    const times = { startedAt, endedAt: new Date(), elapsedMs: performance.now() - began };
    record({ client: `session of ${account.user}`, actsFor: account.user, method, params: {}, outcome, ...times });
  };
  await attempt('logout', () => account.logout());
  await attempt('refresh', () => account.refresh());
  await sleep(LOGGED_OUT_MS);
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  await attempt('me', () => exchange({ method: 'GET', path: '/me', headers: { authorization }, signal }));
}

/** A change of the role ends the sessions. */
async function promote(admin: Account, { accountsUrl, caller }: PeopleOptions): Promise<void> {
  const authorization = caller.signerFor(accounts.name);
  await using wire = createHttpTransport(accountsUrl, { userAgent: USER_AGENT, authorization, tls: caller.tls });
  await createClient(accounts, wire).setRole({ actor: admin.user, user: admin.user, role: 'admin' });
  await admin.login();
}
