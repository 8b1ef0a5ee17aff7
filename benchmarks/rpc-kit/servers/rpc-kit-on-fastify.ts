import type { AddressInfo } from 'node:net';
import { fastify } from 'fastify';
import { createNodeHandler } from 'rpc-kit';
import { httpMetrics } from 'rpc-kit/metrics';
import { createMeasured } from './rpc-kit.ts';

/** The same service as in rpc-kit.ts, on Fastify as the README shows it. */
export async function start(): Promise<number> {
  const { service, logger, registry } = createMeasured();
  const handler = createNodeHandler(service, { logger, metrics: httpMetrics(registry) });
  const app = fastify();
  app.addHook('onRequest', async (request, reply) => {
    reply.hijack();
    handler(request.raw, reply.raw);
  });
  app.all('/*', () => {});
  await app.listen({ host: '127.0.0.1', port: 0 });
  return (app.server.address() as AddressInfo).port;
}
