import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { pino } from 'pino';
import {
  type Call,
  CODES,
  createClient,
  createHttpTransport,
  createMemoryTokenStore,
  HTTP_LIMITS,
  implement,
  injectFaults,
  serveHttp,
} from 'rpc-kit';
import { createGrpcTransport, createServiceCodec, GRPC_LIMITS, serveGrpc, updateLock } from 'rpc-kit/grpc';
import { basket } from '../examples/basket-contract.ts';
import { createBasketService } from '../examples/basket-service.ts';
import { countdown, countdownService, countUntil } from '../examples/countdown.ts';
import { countWithin } from '../examples/countdown-resumed.ts';
import { openFaultyPrices } from '../examples/faulty-prices.ts';
import { openPrices } from '../examples/hedged-prices.ts';
import { limitPrices } from '../examples/limited-prices.ts';
import { parcels, parcelsService } from '../examples/parcels.ts';
import { prices } from '../examples/prices-contract.ts';
import { priceOverGrpc } from '../examples/prices-grpc.ts';
import { pricesService } from '../examples/prices-service.ts';
// A test itself, which runs along.
import '../examples/basket.test.ts';
import { slowCalls } from '../examples/slow-calls.ts';

const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
const snippets = [...readme.matchAll(/`examples\/(?<file>[\w.-]+)`:\n\n```ts\n(?<code>[\s\S]*?)```/g)];

describe("rpc-kit's README", () => {
  it('shows the examples as they are', async () => {
    assert.ok(snippets.length >= 6, `only ${snippets.length} snippets were found`);
    for (const { groups: { file = '', code } = {} } of snippets) {
      assert.equal(code, await readFile(new URL(`../examples/${file}`, import.meta.url), 'utf8'), file);
    }
  });

  it('names every code with its numbers, and every limit with its value', () => {
    for (const [code, { jsonRpc, http }] of Object.entries(CODES)) {
      assert.ok(readme.includes(`| ${code} | ${jsonRpc} | ${http} |`), code);
    }
    for (const [limit, value] of [...Object.entries(HTTP_LIMITS), ...Object.entries(GRPC_LIMITS)]) {
      assert.ok(readme.includes(`| ${limit} | ${value} |`), limit);
    }
  });

  it('has a two-service example that works over HTTP, with its interceptor around the calls', async () => {
    const logger = pino({ level: 'silent' });
    await using pricesServer = await serveHttp(pricesService, { host: '127.0.0.1', port: 0, logger });
    await using toPrices = createHttpTransport(pricesServer.url, { userAgent: 'test' });
    const slow: string[] = [];
    const interceptors = [slowCalls(-1, (method) => slow.push(method))];
    const service = createBasketService(createClient(prices, toPrices, { interceptors }));
    await using basketServer = await serveHttp(service, { host: '127.0.0.1', port: 0, logger });
    await using toBasket = createHttpTransport(basketServer.url, { userAgent: 'test' });

    const answer = await createClient(basket, toBasket).total({ skus: [7, 8, 9] });
    assert.deepEqual(answer, { total: 2_698n, unknown: [9] });
    assert.deepEqual(slow, ['priceOf', 'priceOf', 'priceOf']);
  });

  it('has a stream that works over HTTP, for a client and for a browser that resumes it', async () => {
    const logger = pino({ level: 'silent' });
    await using server = await serveHttp(countdownService, { host: '127.0.0.1', port: 0, logger });
    assert.deepEqual(await countUntil(server.url, 1), [3, 2, 1]);
    const resumed = await fetch(`${server.url}/count?from=3`, { headers: { 'last-event-id': '1' } });
    assert.equal(await resumed.text(), 'id: 0\ndata: {"left":0}\n\nevent: end\ndata: {}\n\n');
  });

  it('has a client that gets from a second replica what the first is slow to answer', async () => {
    const logger = pino({ level: 'silent' });
    let isSlow = false;
    const cancelled = Promise.withResolvers<void>();
    const handlers = {
      async priceOf(_params: object, { signal }: Call) {
        if (!isSlow) return { price: 199 };
        isSlow = false;
        await once(signal, 'abort');
        cancelled.resolve();
        return { price: 0 };
      },
    };
    await using open = new AsyncDisposableStack();
    const serve = async () =>
      open.use(await serveHttp(implement(prices, handlers), { host: '127.0.0.1', port: 0, logger }));
    const { client } = open.use(openPrices([(await serve()).url, (await serve()).url]));
    for (let call = 0; call < 100; call++) await client.priceOf({ sku: 7 });
    isSlow = true;
    assert.deepEqual(await client.priceOf({ sku: 7 }), { price: 199 });
    await cancelled.promise;
  });

  it('has a client that copes with injected faults, which repeat with their seed', async () => {
    const { client, seed } = openFaultyPrices(2);
    for (let call = 0; call < 20; call++) assert.deepEqual(await client.priceOf({ sku: 7 }), { price: 199 });
    assert.equal(seed, 2);
  });

  it('has a limit that two replicas share', async () => {
    const store = createMemoryTokenStore();
    const startedAt = performance.now();
    const replicas = [1, 2].map(() => createClient(prices, pricesService, { interceptors: [limitPrices(store)] }));
    const calls = Array.from({ length: 30 }, (_, index) => replicas[index % 2]?.priceOf({ sku: 7 }));
    const granted = (await Promise.allSettled(calls)).filter(({ status }) => status === 'fulfilled').length;
    const returned = Math.ceil((performance.now() - startedAt) / 600);
    assert.ok(granted >= 10 && granted <= 10 + returned, String(granted));
  });

  for (const wire of ['HTTP', 'gRPC'] as const) {
    it(`has a client of a stream over ${wire} that goes on where it broke off, until its deadline`, async () => {
      await using open = new AsyncDisposableStack();
      const at = { host: '127.0.0.1', port: 0, logger: pino({ level: 'silent' }) };
      const codec = createServiceCodec(countdown, updateLock({ package: 'example', services: {} }, [countdown]));
      const transport = open.use(
        wire === 'HTTP'
          ? createHttpTransport(open.use(await serveHttp(countdownService, at)).url, { userAgent: 'test' })
          : createGrpcTransport(open.use(await serveGrpc(countdownService, { ...at, codec })).url, {
              userAgent: 'test',
              codec,
            }),
      );
      let broken = 0;
      const on = {
        injected() {
          broken += 1;
        },
      };
      const breaking = injectFaults(countdown, {
        faults: [{ method: 'count', kind: 'drop', share: 0.6, code: 'unavailable' }],
        seed: 1,
        on,
      });
      assert.deepEqual(await countWithin({ call: breaking(transport.call) }, 3, 30_000), [3, 2, 1, 0]);
      assert.ok(broken >= 2, String(broken));
      const seen = await countWithin(transport, 1_000, 200);
      assert.ok(seen.length < 1_000);
      assert.deepEqual(
        seen,
        Array.from({ length: seen.length }, (_, index) => 1_000 - index),
      );
    });
  }

  it('has contracts from other schemas that work over HTTP', async () => {
    await using server = await serveHttp(parcelsService, { host: '127.0.0.1', port: 0 });
    await using transport = createHttpTransport(server.url, { userAgent: 'test' });
    const client = createClient(parcels, transport);
    const sent = { id: 2n ** 53n + 1n, grams: 250, sentAt: new Date('2026-01-31T12:00:00Z') };
    assert.deepEqual(await client.send({ grams: 250 }), sent);
    await assert.rejects(client.send({ grams: 0 }), { code: 'invalid_params' });
  });

  it('has an example that works over gRPC', async () => {
    assert.equal(await priceOverGrpc(8), 2_499);
  });
});
