import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Code, ConnectError, createClient as createConnectClient } from '@connectrpc/connect';
import { connectNodeAdapter, createConnectTransport } from '@connectrpc/connect-node';
import { ClientTCP } from '@nestjs/microservices';
import { createTRPCClient, httpBatchLink, TRPCClientError } from '@trpc/client';
import { Errors } from 'moleculer';
import { createClient, failedWith } from 'rpc-kit';
import { basket } from 'rpc-kit/examples/basket-contract.ts';
import { createBasketService } from 'rpc-kit/examples/basket-service.ts';
import { prices } from 'rpc-kit/examples/prices-contract.ts';
import { pricesService } from 'rpc-kit/examples/prices-service.ts';
import { firstValueFrom } from 'rxjs';
import { pickFreePorts } from 'testing';
import { createBasketRoutes } from '../coming-from/connect/basket.ts';
import { pricesRoutes as connectMoved } from '../coming-from/connect/both.ts';
import { BasketService } from '../coming-from/connect/gen/basket_pb.ts';
import { PricesService, UnknownSkuSchema } from '../coming-from/connect/gen/prices_pb.ts';
import { pricesRoutes as connectRoutes } from '../coming-from/connect/prices.ts';
import { basket as basketOfMoleculer } from '../coming-from/moleculer/basket.ts';
import { prices as moleculesMoved } from '../coming-from/moleculer/both.ts';
import { createBroker } from '../coming-from/moleculer/brokers.ts';
import { prices as molecules } from '../coming-from/moleculer/prices.ts';
import { type BasketRouter, createBasketServer } from '../coming-from/trpc/basket.ts';
import { pricesServer as trpcMoved } from '../coming-from/trpc/both.ts';
import { type PricesRouter, pricesServer as trpcServer } from '../coming-from/trpc/prices.ts';

const skus = [7, 8, 9];
const TOTAL = { total: 2_698n, unknown: [9] };

/** Theirs are numbers, ours bigints. */
const exact = ({ total, unknown }: { total: number | bigint; unknown: number[] }) => ({
  total: BigInt(total),
  unknown,
});

async function listen(stack: AsyncDisposableStack, server: Server): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  stack.defer(async () => {
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('The two services that the guides compare', () => {
  it('are those of rpc-kit', async () => {
    const toPrices = createClient(prices, pricesService);
    const client = createClient(basket, createBasketService(toPrices));
    assert.deepEqual(await client.total({ skus }), TOTAL);
    await assert.rejects(toPrices.priceOf({ sku: 9 }), (error) =>
      failedWith(error, prices.methods.priceOf, 'unknown_sku'),
    );
  });

  for (const [which, pricesServer] of Object.entries({ 'of tRPC': trpcServer, 'that moved behind it': trpcMoved })) {
    it(`answer the same over tRPC, with the prices ${which}`, async () => {
      await using stack = new AsyncDisposableStack();
      const pricesUrl = await listen(stack, pricesServer);
      const url = await listen(stack, createBasketServer(pricesUrl));
      const client = createTRPCClient<BasketRouter>({ links: [httpBatchLink({ url })] });
      assert.deepEqual(exact(await client.total.query({ skus })), TOTAL);

      const toPrices = createTRPCClient<PricesRouter>({ links: [httpBatchLink({ url: pricesUrl })] });
      await assert.rejects(toPrices.priceOf.query({ sku: 9 }), (error) => {
        assert.ok(error instanceof TRPCClientError);
        return error.data?.code === 'NOT_FOUND' && error.message === 'There is no such product';
      });
    });
  }

  for (const [which, schema] of Object.entries({ 'of Moleculer': molecules, 'that moved behind it': moleculesMoved })) {
    it(`answer the same over Moleculer, with the prices ${which}`, async () => {
      const [a = 0, b = 0] = await pickFreePorts(2);
      const ports = { 'node-prices': a, 'node-basket': b };
      const brokers = [createBroker('node-prices', ports), createBroker('node-basket', ports)] as const;
      const [first, second] = brokers;
      first.createService(schema);
      second.createService(basketOfMoleculer);
      try {
        await Promise.all(brokers.map((broker) => broker.start()));
        await second.waitForServices('prices');
        assert.deepEqual(exact(await second.call('basket.total', { skus })), TOTAL);
        await assert.rejects(second.call('prices.priceOf', { sku: 9 }), (error) => {
          assert.ok(error instanceof Errors.MoleculerError);
          assert.deepEqual([error.type, error.code, error.data], ['unknown_sku', 404, { sku: 9 }]);
          return true;
        });
      } finally {
        await Promise.all(brokers.map((broker) => broker.stop()));
      }
    });
  }

  for (const [which, routes] of Object.entries({ 'of Connect': connectRoutes, 'that moved behind it': connectMoved })) {
    it(`answer the same over Connect, with the prices ${which}`, async () => {
      await using stack = new AsyncDisposableStack();
      const pricesUrl = await listen(stack, createServer(connectNodeAdapter({ routes })));
      const toPrices = createConnectTransport({ baseUrl: pricesUrl, httpVersion: '1.1' });
      const basketRoutes = createBasketRoutes(toPrices);
      const baseUrl = await listen(stack, createServer(connectNodeAdapter({ routes: basketRoutes })));
      const client = createConnectClient(BasketService, createConnectTransport({ baseUrl, httpVersion: '1.1' }));
      assert.deepEqual(exact(await client.total({ skus })), TOTAL);
      await assert.rejects(createConnectClient(PricesService, toPrices).priceOf({ sku: 9 }), (error) => {
        assert.ok(error instanceof ConnectError);
        assert.deepEqual([error.code, error.findDetails(UnknownSkuSchema)[0]?.sku], [Code.NotFound, 9]);
        return true;
      });
    });
  }

  describe('over NestJS', () => {
    before(async function () {
      // As `nest build` does: Node strips types, but decorators are no types.
      this.timeout(COMPILE_MS);
      await promisify(execFile)(process.execPath, [TSC, '-p', fileURLToPath(NESTJS)]);
    });

    for (const [which, program] of Object.entries({ 'of NestJS': 'prices', 'that moved behind it': 'both' })) {
      it(`answer the same, with the prices ${which}`, async () => {
        const [pricesPort = 0, basketPort = 0] = await pickFreePorts(2);
        await using stack = new AsyncDisposableStack();
        await startNest(stack, program, { PORT: String(pricesPort) });
        await startNest(stack, 'basket', { PORT: String(basketPort), PRICES_PORT: String(pricesPort) });
        const send = (port: number, pattern: string, data: object) => {
          const client = stack.adopt(new ClientTCP({ host: '127.0.0.1', port }), async (open) => open.close());
          return firstValueFrom(client.send(pattern, data));
        };
        assert.deepEqual(exact(await send(basketPort, 'total', { skus })), TOTAL);
        await assert.rejects(send(pricesPort, 'priceOf', { sku: 9 }), {
          reason: 'unknown_sku',
          message: 'There is no such product',
          sku: 9,
        });
      });
    }
  });
});

/** A limit against hanging: it takes a second or two. */
const COMPILE_MS = 60_000;
const TSC = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url));
const NESTJS = new URL('../coming-from/nestjs/', import.meta.url);

async function startNest(stack: AsyncDisposableStack, program: string, env: Record<string, string>): Promise<void> {
  const main = fileURLToPath(new URL('dist/examples/coming-from/nestjs/main.js', NESTJS));
  const child = spawn(process.execPath, [main, program], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  stack.defer(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  for await (const line of createInterface(child.stdout)) if (line.includes('listens')) return;
  throw new Error(`${program} ended before it listened`);
}
