import assert from 'node:assert/strict';
import { accounts } from 'accounts/contract.ts';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type Handlers, implement, RpcError, serveHttp } from 'rpc-kit';
import { openAccounts, passwordLimit } from '../src/accounts-peer.ts';
import { fakeServices } from './fake-services.ts';
import { openGateway } from './gateway-fixture.ts';

type AccountsHandlers = Handlers<typeof accounts.methods>;

const logger = pino({ level: 'silent' });
const CREDENTIALS = { email: 'anna@shop.example', password: 'a walk along the river' };
/** Of low priority at a limit of 15. */
const PASSWORD_CALLS = 10;
const FLOOD = 100;

/** accounts over HTTP in this process; methods that a test does not give answer their example. */
async function openAccountsService(
  own: Partial<AccountsHandlers>,
): Promise<AsyncDisposable & { readonly url: string }> {
  const examples = Object.entries(accounts.methods).map(([name, { example, result }]) => [
    name,
    async () => result.parse(example.result),
  ]);
  const service = implement(accounts, { ...Object.fromEntries(examples), ...own } as AccountsHandlers);
  const { port, ...server } = await serveHttp(service, { host: '127.0.0.1', port: 0, logger });
  return { url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

async function breakers(registry: Registry): Promise<Record<string, number>> {
  const { values = [] } = (await registry.getSingleMetric('rpc_client_breaker_state')?.get()) ?? {};
  return Object.fromEntries(values.map(({ labels, value }) => [String(labels.peer), value]));
}

const CLOSED = 0;
const OPEN = 2;

describe('The peer of accounts', () => {
  it('knows every method that waits for a hash', () => {
    const waiting = Object.entries(accounts.methods).filter(([, method]) => 'waits' in method && method.waits);
    assert.deepEqual(waiting.map(([name]) => name).toSorted(), ['changePassword', 'login', 'register']);
    assert.ok(waiting.every(([, method]) => 'priority' in method && method.priority === 'low'));
  });

  it('answers all other routes while logins hang, and sheds the rest of a flood at once (49)', async () => {
    const { promise: hashed, resolve: finish } = Promise.withResolvers<void>();
    let hanging = 0;
    await using service = await openAccountsService({
      async login() {
        hanging += 1;
        await hashed;
        throw new RpcError('unauthenticated', 'The e-mail address or the password is wrong', {
          reason: 'invalid_credentials',
        });
      },
    });
    const registry = new Registry();
    const passwordCalls = passwordLimit();
    await using peer = openAccounts({ urls: [service.url], userAgent: 'test/1', registry, logger }, passwordCalls);
    const services = { ...fakeServices({}).services, accounts: peer.client };
    await using gateway = await openGateway({}, { services, passwordCalls });

    const shed: (readonly [number, string | undefined])[] = [];
    const flood = Array.from({ length: FLOOD }, async () => {
      const { status, headers } = await gateway.ask('/v1/auth/login', { method: 'POST', body: CREDENTIALS });
      if (status !== 401) shed.push([status, headers['retry-after']]);
      return status;
    });
    while (hanging < PASSWORD_CALLS || shed.length < FLOOD - PASSWORD_CALLS) await new Promise(setImmediate);
    assert.deepEqual(shed, Array(FLOOD - PASSWORD_CALLS).fill([503, '1']));

    // Now by the headers, before a token of a limit is taken and a body is read.
    const late = await gateway.ask('/v1/auth/login', { method: 'POST', body: CREDENTIALS });
    assert.deepEqual([late.status, late.body.error.reason, late.headers['retry-after']], [503, 'overloaded', '1']);
    assert.equal(late.headers['ratelimit-policy'], undefined);

    const { refreshToken } = accounts.methods.refresh.example.result;
    const others = Array.from({ length: 20 }, () => [
      gateway.ask('/v1/me', { as: 'anna' }),
      gateway.ask('/v1/me/sessions', { as: 'anna' }),
      gateway.ask('/v1/auth/refresh', { method: 'POST', body: { refreshToken } }),
      gateway.ask('/.well-known/jwks.json'),
    ]);
    for (const { status } of await Promise.all(others.flat())) assert.equal(status, 200);
    assert.deepEqual(await peer.client.revokedSince({ seq: 0n }).then(({ complete }) => complete), true);

    assert.equal(hanging, PASSWORD_CALLS);
    finish();
    const statuses = await Promise.all(flood);
    assert.equal(statuses.filter((status) => status === 401).length, PASSWORD_CALLS);
    assert.equal((await gateway.ask('/v1/auth/login', { method: 'POST', body: CREDENTIALS })).status, 401);
  });

  it('keeps the circuit of other calls closed while logins and leases of rate limits fail, and reads news without one', async () => {
    const failing = async (): Promise<never> => {
      throw new Error('accounts cannot do this');
    };
    let isBroken = true;
    await using service = await openAccountsService({
      login: failing,
      leaseTokens: failing,
      revokedSince: async ({ seq }) => (isBroken ? failing() : { revocations: [], seq, complete: true }),
    });
    const registry = new Registry();
    await using peer = openAccounts({ urls: [service.url], userAgent: 'test/1', registry, logger }, passwordLimit());
    const lease = { bucket: 'user:1', wanted: 1, capacity: 1, perSecond: 1 };
    // Five failures in a row open a circuit.
    for (let n = 0; n < 6; n++) {
      await assert.rejects(peer.client.login(CREDENTIALS));
      await assert.rejects(peer.client.leaseTokens(lease));
      await assert.rejects(peer.news.revokedSince({ seq: 0n }));
    }
    isBroken = false;
    assert.equal((await peer.news.revokedSince({ seq: 0n })).complete, true);
    assert.equal((await peer.client.getUser({ user: 1n })).user, 1n);
    const states = { accounts: CLOSED, 'accounts-passwords': OPEN, 'accounts-leases': OPEN };
    assert.deepEqual(await breakers(registry), states);
  });
});
