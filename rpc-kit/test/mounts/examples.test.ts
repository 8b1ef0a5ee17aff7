import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { createClient, createHttpTransport } from 'rpc-kit';
import { app as expressApp } from '../../examples/mounted-on-express.ts';
import { app as fastifyApp } from '../../examples/mounted-on-fastify.ts';
import { app as honoApp } from '../../examples/mounted-on-hono.ts';
import { server as nodeServer, stop as stopNode } from '../../examples/mounted-on-node.ts';
import { prices } from '../../examples/prices-contract.ts';

interface Example {
  readonly name: string;
  start(): Promise<Server>;
  stop(server: Server): Promise<unknown>;
}

const stopServer = async (server: Server): Promise<unknown> => server.close();

const EXAMPLES: readonly Example[] = [
  { name: 'node:http', start: async () => nodeServer, stop: stopNode },
  { name: 'Express', start: async () => createServer(expressApp), stop: stopServer },
  {
    name: 'Fastify',
    async start() {
      await fastifyApp.ready();
      return fastifyApp.server;
    },
    stop: () => fastifyApp.close(),
  },
  { name: 'Hono', start: async () => createAdaptorServer({ fetch: honoApp.fetch }) as Server, stop: stopServer },
];

describe('the example of a service', () => {
  for (const { name, start, stop } of EXAMPLES) {
    it(`on ${name} answers below its path, and leaves the rest to its host`, async () => {
      const server = (await start()).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      {
        await using transport = createHttpTransport(`${url}/prices`, { userAgent: 'test' });
        const client = createClient(prices, transport);
        assert.deepEqual(await client.priceOf({ sku: 7 }), { price: 199 });
        await assert.rejects(client.priceOf({ sku: 9 }), { reason: 'unknown_sku' });
      }
      assert.equal(await (await fetch(url)).text(), 'the shop');
      const docs = await fetch(`${url}/prices/docs`);
      assert.deepEqual([docs.status, docs.headers.get('content-type')], [200, 'text/html; charset=utf-8']);
      await docs.text();
      await stop(server);
      server.closeAllConnections();
    });
  }
});
