import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { pino } from 'pino';
import { CODES, createClient, createHttpTransport, HTTP_LIMITS, serveHttp } from 'rpc-kit';
import { basket } from '../examples/basket-contract.ts';
import { createBasketService } from '../examples/basket-service.ts';
import { prices } from '../examples/prices-contract.ts';
import { pricesService } from '../examples/prices-service.ts';
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
    for (const [limit, value] of Object.entries(HTTP_LIMITS)) {
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
});
