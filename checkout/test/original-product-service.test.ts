import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { products } from 'products/contract.ts';
import { createClient, createHttpTransport, createTokenBucket } from 'rpc-kit';
import type { ProductCatalogue, ProductStates } from '../src/domain/ports.ts';
import { Refusal } from '../src/domain/refusal.ts';
import { createProductStates } from '../src/peer/product-states.ts';
import { createProductCatalogue } from '../src/peer/products.ts';
import { failureOf } from './port-stubs.ts';

/** What the external service answers: gRPC's numbers and a message, and no reasons. */
interface Answer {
  readonly status: number;
  readonly body: object;
}

interface Running extends AsyncDisposable {
  readonly catalogue: ProductCatalogue;
  readonly states: ProductStates;
  readonly requests: { readonly path: string | undefined; readonly body: unknown }[];
}

async function startOriginal({ status, body }: Answer): Promise<Running> {
  const requests: Running['requests'] = [];
  const server = createServer(async (request, response) => {
    requests.push({ path: request.url, body: await json(request) });
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const wire = createHttpTransport(`http://127.0.0.1:${port}`, { userAgent: 'checkout/tests', face: 'plain' });
  const limiter = createTokenBucket({ tokens: 10, intervalMs: 1, waitersMax: 1 });
  const client = createClient(products, wire);
  return {
    states: createProductStates(client),
    catalogue: createProductCatalogue({ client, token: 'testtoken', limiter }),
    requests,
    async [Symbol.asyncDispose]() {
      await wire[Symbol.asyncDispose]();
      server.close();
    },
  };
}

describe('the original product service in place of ours', () => {
  const context = { signal: new AbortController().signal };

  it('is called by its own protocol', async () => {
    await using original = await startOriginal({ status: 200, body: { name: 'Чайник', price: 1990 } });
    assert.deepEqual(await original.catalogue.product(1_076_963, context), { name: 'Чайник', price: 1990 });
    assert.deepEqual(original.requests, [{ path: '/get_product', body: { token: 'testtoken', sku: 1_076_963 } }]);
  });

  it('reports an unknown product by a plain 404', async () => {
    await using original = await startOriginal({ status: 404, body: { code: 5, message: 'sku not found' } });
    const error = await failureOf(original.catalogue.product(7, context));
    assert(error instanceof Refusal);
    assert.deepEqual([error.reason, error.facts], ['product_not_found', { sku: 7 }]);
  });

  for (const status of [404, 501]) {
    it(`has no archived products, and is asked for them once, when it answers ${status}`, async () => {
      await using original = await startOriginal({ status, body: { code: 5, message: 'Not Found' } });
      for (const sku of [7, 8]) assert.deepEqual(await original.states.product(sku, context), { archived: false });
      assert.deepEqual(original.requests, [{ path: '/get_products', body: { skus: [7] } }]);
    });
  }

  it('has no archived products when it answers something else', async () => {
    await using original = await startOriginal({ status: 200, body: { name: 'Чайник', price: 1990 } });
    assert.deepEqual(await original.states.product(7, context), { archived: false });
  });

  for (const [status, code] of [
    [401, 'unauthenticated'],
    [500, 'internal'],
  ] as const) {
    it(`fails as internal when it answers ${status}`, async () => {
      await using original = await startOriginal({ status, body: { code: 13, message: 'its own matter' } });
      assert.match(String(await failureOf(original.catalogue.product(7, context))), new RegExp(`answered ${code}`));
    });
  }

  for (const [status, code] of [
    [429, 'resource_exhausted'],
    [503, 'unavailable'],
  ] as const) {
    it(`may be called again when it answers ${status}`, async () => {
      await using original = await startOriginal({ status, body: { code: 8, message: 'later' } });
      assert.equal(((await failureOf(original.catalogue.product(7, context))) as { code?: string }).code, code);
    });
  }
});
