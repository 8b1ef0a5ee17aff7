import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import {
  adaptiveLimit,
  type ConcurrencyLimit,
  type HttpServer,
  type Service,
  type ServiceContract,
  serveHttp,
} from 'rpc-kit';
import type { z } from 'zod';
import { type commonVariables, loadConfig, maskSecrets } from './config.ts';
import { type Database, openDatabase } from './database/database.ts';
import { switchLogLevelOnSignal } from './observing/log-level.ts';
import { createLogger } from './observing/logger.ts';
import { serveProfiles } from './observing/profile-socket.ts';
import { createRegistry } from './observing/registry.ts';
import { startTracing } from './observing/tracing.ts';
import { databaseReadiness } from './serving/readiness.ts';
import type { variable } from './variables.ts';

type ServiceConfig = z.ZodObject<typeof commonVariables & { readonly PORT: ReturnType<typeof variable.port> }>;

/** The resources of every service. Declared first, they are disposed last. */
export interface OpenService<S extends ServiceConfig> extends AsyncDisposable {
  readonly config: z.output<S>;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly database: Database;
  readonly limit: ConcurrencyLimit;
  /** Sent to peers: `checkout/0.1.0`. */
  readonly userAgent: string;
  /** Serves over HTTP; ready while the database answers and its migrations are applied. */
  serve(service: Service, stopped: Promise<string>): Promise<HttpServer>;
}

/**
 * Reads the configuration and opens logging, metrics, profiles, tracing and the database.
 * The service is ready once the migrations in `migrations/<name of the contract>` are applied.
 */
export async function openService<S extends ServiceConfig>(
  { name, version }: ServiceContract,
  schema: S,
): Promise<OpenService<S>> {
  await using resources = new AsyncDisposableStack();
  const config = loadConfig(schema);
  const logger = createLogger(name, config.LOG_LEVEL);
  resources.use(switchLogLevelOnSignal(logger));
  resources.use(await serveProfiles({ service: name, directory: config.PROFILE_DIR, logger }));
  const registry = createRegistry(name);
  resources.use(await startTracing(name, version, config, logger));
  const { DATABASE_URL: url, DATABASE_POOL_MAX: poolMax } = config;
  const database = resources.use(openDatabase({ url, poolMax, logger, registry }));
  const limit = adaptiveLimit();
  const opened = resources.move();
  return {
    config,
    logger,
    registry,
    database,
    limit,
    userAgent: `${name}/${version}`,
    async serve(service, stopped) {
      const server = await serveHttp(service, {
        host: config.HOST,
        port: config.PORT,
        allowedHosts: config.ALLOWED_HOSTS,
        allowedOrigins: config.ALLOWED_ORIGINS,
        logger,
        registry,
        readiness: databaseReadiness(database, join(import.meta.dirname, '../../migrations', name)),
        admission: limit,
      });
      logger.info({ url: server.url, node: process.version, config: maskSecrets(schema, config) }, 'listening');
      void stopped.then((why) => logger.info({ why }, 'stopping'));
      return server;
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
