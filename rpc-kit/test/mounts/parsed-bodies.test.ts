import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { fastify } from 'fastify';
import { Hono } from 'hono';
import { createFetchHandler, createNodeHandler, type Service } from 'rpc-kit';
import { createSubject } from '../conformance/subject.ts';

type Ask = (body: string) => Promise<Response>;

const request = (body: string, url = 'http://localhost/echo'): Request =>
  new Request(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });

/** Frameworks that have read the body when the service gets the request. */
const HOSTS: readonly { name: string; using(service: Service, test: (ask: Ask) => Promise<void>): Promise<void> }[] = [
  {
    name: 'Express, behind express.json()',
    async using(service, test) {
      const server = createServer(express().use(express.json(), createNodeHandler(service))).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      await test((body) => fetch(request(body, `http://127.0.0.1:${port}/echo`)));
      server.close();
      server.closeAllConnections();
    },
  },
  {
    name: 'Fastify, as the handler of a route',
    async using(service, test) {
      await using app = fastify();
      const handler = createNodeHandler(service);
      app.post('/echo', (received, reply) => {
        reply.hijack();
        handler(received.raw, reply.raw);
      });
      const url = await app.listen({ host: '127.0.0.1', port: 0 });
      await test((body) => fetch(request(body, `${url}/echo`)));
      app.server.closeAllConnections();
    },
  },
  {
    name: 'Hono, behind a handler that reads the body',
    async using(service, test) {
      const handler = createFetchHandler(service);
      const app = new Hono().all('/*', async ({ req }) => {
        await req.text();
        return handler(req.raw);
      });
      await test(async (body) => app.fetch(request(body)));
    },
  },
];

for (const { name, using } of HOSTS) {
  describe(`a body that was read before, on ${name}`, () => {
    it('is refused with what to do, instead of being rounded', async () => {
      const { service, executed } = createSubject();
      await using(service, async (ask) => {
        const answer = await ask('{"int64":9007199254740993}');
        const { error } = (await answer.json()) as { error: { code: string; message: string } };
        assert.deepEqual([answer.status, error.code], [500, 'internal']);
        assert.match(error.message, /mount the service before body parsers, e\.g\. before express\.json\(\)$/);
        assert.deepEqual(executed, []);
      });
    });
  });
}
