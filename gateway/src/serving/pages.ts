import type { FastifyInstance } from 'fastify';
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { outsideCalls } from 'rpc-kit';
import { readyPage } from 'rpc-kit/http-server';
import type { Services } from '../services.ts';
import { exchangeOf } from './exchange.ts';

export interface PageParts {
  readonly registry: Registry;
  readonly logger: Logger;
  readonly services: Services;
  readonly draining: () => boolean;
}

const JWKS = '/.well-known/jwks.json';

/** The addresses outside of `/v1`. */
export const PAGES = [JWKS, '/healthz', '/readyz', '/metrics', '/openapi.json', '/docs'];

/** Verifiers ask again at least as often as keys are published before they sign. */
const JWKS_CACHE = 'public, max-age=300';
/** A flood of requests for the keys is one call of accounts a second. */
const JWKS_AGE_MAX_MS = 1_000;

/**
 * The pages of every service, and the keys that verify access tokens. The gateway is ready while it listens: with a service away,
 * the routes of the other services are still answered.
 */
export function addPages(app: FastifyInstance, { registry, logger, services, draining }: PageParts): void {
  app.addHook('onRequest', async ({ raw, routeOptions: { url } }) => {
    if (url !== undefined && PAGES.includes(url)) exchangeOf(raw).route = url;
  });
  // For people who open the bare address in a browser, as at every service.
  app.get('/', async (_request, reply) => reply.header('cache-control', 'no-store').redirect('/docs'));
  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const onNotReady = (check: string, err: unknown) => logger.warn({ check, err }, 'not ready');
    const { status, headers, text } = await readyPage({ readiness: {}, draining, onNotReady });
    return reply.code(status).headers(headers).header('cache-control', 'no-store').send(text);
  });
  app.get('/metrics', async (_request, reply) =>
    reply
      .header('content-type', registry.contentType)
      .header('cache-control', 'no-store')
      .send(await registry.metrics()),
  );
  const keys = new LRUCache<typeof JWKS, object>({
    max: 1,
    ttl: JWKS_AGE_MAX_MS,
    // The call serves many requests, so it must not run in the trace and log scope of one.
    fetchMethod: () => outsideCalls(() => services.accounts.jwks({})),
  });
  app.get(JWKS, async (_request, reply) => {
    const found = await keys.fetch(JWKS);
    return reply
      .header('content-type', 'application/jwk-set+json')
      .header('cache-control', JWKS_CACHE)
      .send(JSON.stringify(found));
  });
}
