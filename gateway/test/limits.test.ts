import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, Socket } from 'node:net';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type ConcurrencyLimit, fixedLimit, RpcError } from 'rpc-kit';
import sinon from 'sinon';
import { createRateLimit } from '../src/limits/rate-limits.ts';
import { clientAddressOf } from '../src/serving/client-address.ts';
import { exampleServices } from './example-services.ts';
import { GENEROUS, openGateway } from './gateway-fixture.ts';

const SILENT = { logger: pino({ level: 'silent' }), registry: new Registry() };

describe('A limit of requests', () => {
  afterEach(() => sinon.restore());

  /** A bucket as accounts keeps it, without refill. */
  function bucket(capacity: number) {
    const taken = new Map<string, number>();
    const asked: number[] = [];
    return {
      asked,
      async leaseTokens({ bucket: key, wanted }: { bucket: string; wanted: number }) {
        asked.push(wanted);
        const before = taken.get(key) ?? 0;
        const granted = Math.min(wanted, capacity - before);
        taken.set(key, before + granted);
        return { granted, retryAfterMs: granted === 0 ? 2_000 : 0 };
      },
    };
  }

  it('holds over two replicas, with one call for a block of requests', async () => {
    const shared = bucket(100);
    const policy = { name: 'user', perMinute: 100 };
    const replicas = [createRateLimit(policy, shared, SILENT), createRateLimit(policy, shared, SILENT)];
    const verdicts = await Promise.all(Array.from({ length: 150 }, (_, index) => replicas[index % 2]?.take('1')));
    assert.equal(verdicts.filter((verdict) => verdict?.granted).length, 100);
    assert.ok(shared.asked.length <= 12, `${shared.asked.length} calls`);
    assert.ok(verdicts.every((verdict) => verdict?.granted || (verdict?.retryAfterMs ?? 0) > 1_900));
  });

  it('keeps the clients apart', async () => {
    const limit = createRateLimit({ name: 'user', perMinute: 1 }, bucket(1), SILENT);
    const granted = async (key: string) => (await limit.take(key)).granted;
    assert.deepEqual([await granted('1'), await granted('1'), await granted('2')], [true, false, true]);
  });

  it('does not ask again while it refuses', async () => {
    const clock = sinon.useFakeTimers({ toFake: ['performance'] });
    const shared = bucket(1);
    const limit = createRateLimit({ name: 'user', perMinute: 1 }, shared, SILENT);
    for (let time = 0; time < 100; time++) await limit.take('1');
    assert.equal(shared.asked.length, 2);
    clock.tick(2_000);
    await limit.take('1');
    assert.equal(shared.asked.length, 3);
  });

  it('is that of one process while accounts is unavailable, and grows back with time', async () => {
    const clock = sinon.useFakeTimers({ toFake: ['performance'] });
    const away = {
      leaseTokens: async () => {
        throw new RpcError('unavailable', 'accounts is unavailable');
      },
    };
    const limit = createRateLimit({ name: 'user', perMinute: 60 }, away, SILENT);
    const take = async (times: number) => {
      let granted = 0;
      for (let time = 0; time < times; time++) if ((await limit.take('1')).granted) granted += 1;
      return granted;
    };
    assert.equal(await take(100), 60);
    clock.tick(10_000);
    assert.equal(await take(100), 10);
  });

  it('answers 429 with Retry-After and the fields of the draft', async () => {
    await using gateway = await openGateway(
      { accounts: { leaseTokens: bucket(2).leaseTokens as never } },
      { rates: { ...GENEROUS, user: 2 } },
    );
    const ask = () => gateway.ask('/v1/me', { as: 'anna' });
    const first = await ask();
    assert.equal(first.headers['ratelimit-policy'], '"address";q=100000;w=60, "user";q=2;w=60');
    assert.match(String(first.headers.ratelimit), /^"address";r=\d+, "user";r=\d$/);
    let refused = await ask();
    while (refused.status !== 429) refused = await ask();
    assert.equal(refused.body.error.code, 'resource_exhausted');
    assert.equal(refused.headers['retry-after'], '2');
    assert.match(String(refused.headers.ratelimit), /r=0;t=2$/);
  });

  it('is stricter for the routes that check secrets', async () => {
    await using gateway = await openGateway({}, { rates: { ...GENEROUS, auth: 7 } });
    const { headers } = await gateway.ask('/v1/auth/login', { method: 'POST', body: {} });
    assert.equal(headers['ratelimit-policy'], '"auth";q=7;w=60');
  });

  it('counts a forged X-Forwarded-For for the address of the connection, unless a trusted proxy sent it', async () => {
    const buckets: string[] = [];
    const fakes = {
      accounts: {
        async leaseTokens({ bucket: name, wanted }: { bucket: string; wanted: number }) {
          buckets.push(name);
          return { granted: wanted, retryAfterMs: 0 };
        },
      },
    };
    const headers = { 'x-forwarded-for': '203.0.113.9, 198.51.100.4' };
    await using open = await openGateway(fakes);
    await open.ask('/v1/products', { headers });
    assert.deepEqual(buckets.splice(0), ['address:127.0.0.1']);
    await using proxied = await openGateway(fakes, { trustedProxies: ['127.0.0.0/8'] });
    await proxied.ask('/v1/products', { headers });
    // The proxy has seen 198.51.100.4; what stands before it is the word of that client.
    assert.deepEqual(buckets.splice(0), ['address:198.51.100.4']);
    const others = ['2001:db8::1', '::ffff:c633:6405', 'unknown', '198.51.100.6:5678', 'x'.repeat(500)];
    for (const named of others) {
      await proxied.ask('/v1/products', { headers: { 'x-forwarded-for': `203.0.113.9, ${named}` } });
    }
    // A text that is no address counts for the proxy.
    const counted = ['address:2001:db8:0:0::/64', 'address:198.51.100.5', 'address:127.0.0.1'];
    assert.deepEqual(buckets.splice(0), counted);
  });
});

describe('A client that resets its connection', () => {
  it('has no address, which is no failure of the gateway', async () => {
    const gone = () => clientAddressOf({ ip: undefined, socket: new Socket() } as never);
    assert.throws(gone, { name: 'RpcError', code: 'cancelled' });
    await using gateway = await openGateway({});
    for (let n = 0; n < 100; n++) {
      const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
      await once(socket, 'connect');
      socket.write('GET /v1/products HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(3));
      socket.resetAndDestroy();
    }
    await gateway.ask('/healthz');
    assert.deepEqual(
      gateway.log.filter((line) => line.includes('TypeError')),
      [],
    );
  });
});

describe('A gateway with too many requests in flight', () => {
  it('refuses those first that cost the most or matter least', async () => {
    let asked: string | undefined;
    const concurrency: ConcurrencyLimit = {
      ...fixedLimit(1),
      tryAcquire(priority) {
        asked = priority;
        return undefined;
      },
    };
    await using gateway = await openGateway({}, { concurrency });
    for (const [method, path, priority] of [
      ['POST', '/v1/auth/login', 'low'],
      ['PUT', '/v1/me/password', 'low'],
      ['GET', '/v1/products', 'low'],
      ['GET', '/v1/orders', 'normal'],
      ['POST', '/v1/orders', 'high'],
      ['POST', '/v1/cart/purchase', 'high'],
      ['POST', '/v1/auth/refresh', 'high'],
    ] as const) {
      assert.equal((await gateway.ask(path, { method, as: 'anna' })).status, 503);
      assert.equal(asked, priority, path);
    }
  });

  it('asks accounts for the keys of tokens once for many requests', async () => {
    await using gateway = await openGateway(exampleServices().fakes);
    const answers = await Promise.all(Array.from({ length: 50 }, () => gateway.ask('/.well-known/jwks.json')));
    assert.ok(answers.every(({ status, body }) => status === 200 && body.keys.length > 0));
    assert.equal(gateway.calls.filter((call) => call === 'accounts.jwks').length, 1);
  });

  it('refuses before any call, and serves again afterwards', async () => {
    const { promise: waiting, resolve: go } = Promise.withResolvers<void>();
    await using gateway = await openGateway(
      {
        products: {
          async list_products() {
            await waiting;
            return { products: [] };
          },
        },
      },
      { concurrency: fixedLimit(1) },
    );
    const first = gateway.ask('/v1/products');
    while (!gateway.calls.includes('products.list_products')) await new Promise(setImmediate);
    const refused = await gateway.ask('/v1/products');
    assert.deepEqual(
      [refused.status, refused.body.error.reason, refused.headers['retry-after']],
      [503, 'overloaded', '1'],
    );
    assert.equal((await gateway.ask('/healthz')).status, 200);
    go();
    assert.equal((await first).status, 200);
    assert.equal((await gateway.ask('/v1/products')).status, 200);
  });
});
