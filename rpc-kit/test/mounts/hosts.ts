import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import express from 'express';
import { fastify } from 'fastify';
import { Hono } from 'hono';
import { pino } from 'pino';
import { createFetchHandler, createNodeHandler, type NodeHandler, type Service, serveHttp } from 'rpc-kit';
import { PAGE_ADDRESSES } from '../../src/documents/place.ts';
import type { Mounted, MountOptions } from '../../src/http/server/mount.ts';
import type { HttpServerOptions } from '../../src/http/server/server.ts';

export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  close(finishMs?: number): Promise<void>;
}

export type TestServerOptions = Partial<Omit<HttpServerOptions, 'port' | 'tls'>> & MountOptions;

/** A server that serves a service: this kit's own, or another one on which it is mounted. */
export interface Host<S extends TestServer = TestServer> {
  readonly name: string;
  serve(service: Service, options?: TestServerOptions): Promise<S>;
}

interface MountServer extends TestServer {
  readonly mounted: Mounted;
}

const logger = pino({ level: 'silent' });

export const OWN: Host = {
  name: 'serveHttp',
  serve: (service, options) => serveHttp(service, { host: '127.0.0.1', port: 0, logger, ...options }),
};

/** The pages are those of a server of its own, so that the same tests hold. */
const withDefaults = (options: TestServerOptions = {}): MountOptions => ({
  logger,
  pages: PAGE_ADDRESSES,
  ...options,
});

const onNode = (
  name: string,
  mountOn: (handler: NodeHandler, prefix: string) => Server | Promise<Server>,
): Host<MountServer> => ({
  name,
  async serve(service, options) {
    const handler = createNodeHandler(service, withDefaults(options));
    return listen(await mountOn(handler, options?.prefix ?? ''), handler, options?.host);
  },
});

export const MOUNTS: readonly Host<MountServer>[] = [
  onNode('node:http', (handler) => createServer(handler)),
  onNode('Express', (handler, prefix) => createServer(express().use(prefix || '/', handler))),
  onNode('Fastify', async (handler, prefix) => {
    const app = fastify();
    app.register(
      async (scope) => {
        scope.addHook('onRequest', async (request, reply) => {
          reply.hijack();
          handler(request.raw, reply.raw);
        });
        scope.all('/*', async () => {});
        scope.all('/', async () => {});
      },
      { prefix },
    );
    await app.ready();
    return app.server;
  }),
  {
    name: 'Hono',
    async serve(service, options) {
      const handler = createFetchHandler(service, withDefaults(options));
      const { prefix = '' } = options ?? {};
      const app = new Hono().all(`${prefix}/*`, ({ req }) => handler(req.raw));
      return listen(createAdaptorServer({ fetch: app.fetch }) as Server, handler, options?.host);
    },
  },
];

async function listen(server: Server, mounted: Mounted, host = '127.0.0.1'): Promise<MountServer> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  const close = async (finishMs?: number): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    await mounted.close(finishMs);
    server.closeAllConnections();
    await closed;
  };
  return { url: `http://127.0.0.1:${port}`, port, mounted, close, [Symbol.asyncDispose]: () => close() };
}

type Reasons = Readonly<Record<string, string>>;

/** What does not hold on a host, by the title of its test: the host does it before the service gets the request. */
export type Exceptions = Readonly<Partial<Record<string, Reasons>>>;

interface Ground {
  /** Its name. */
  readonly host: string;
  readonly serve: Host['serve'];
  /** mocha's `it`, which leaves out what does not hold on the host. */
  readonly it: (title: string, test: Mocha.AsyncFunc | Mocha.Func) => void;
}

/**
 * Runs the same tests against this kit's own server and against each host.
 * @param exceptions by host
 */
export function onEachHost(title: string, exceptions: Exceptions, define: (ground: Ground) => void): void {
  for (const host of [OWN, ...MOUNTS]) {
    describe(`${title}, on ${host.name}`, () => {
      const left = new Map(Object.entries(exceptions[host.name] ?? {}));
      define({ host: host.name, serve: host.serve, it: (name, test) => left.delete(name) || it(name, test) });
      it('has no exception without a test', () => {
        if (left.size > 0) throw new Error(`no test has the title ${[...left.keys()].join(', ')}`);
      });
    });
  }
}
