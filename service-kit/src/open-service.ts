import { join } from 'node:path';
import {
  adaptiveLimit,
  type ConcurrencyLimit,
  type HttpServer,
  type Service,
  type ServiceContract,
  serveHttp,
} from 'rpc-kit';
import type { z } from 'zod';
import type { commonVariables, databaseVariables } from './config.ts';
import { type Database, openDatabase } from './database/database.ts';
import { type OpenProcess, openProcess } from './open-process.ts';
import { databaseReadiness } from './serving/readiness.ts';
import type { variable } from './variables.ts';

type ServiceConfig = z.ZodObject<
  typeof commonVariables & typeof databaseVariables & { readonly PORT: ReturnType<typeof variable.port> }
>;

/** A process with a database that serves a contract. */
export interface OpenService<S extends ServiceConfig> extends Omit<OpenProcess<S>, 'logListening'> {
  readonly database: Database;
  readonly limit: ConcurrencyLimit;
  /** Serves over HTTP; ready while the database answers and its migrations are applied. */
  serve(service: Service, stopped: Promise<string>): Promise<HttpServer>;
}

/**
 * Opens the process and its database.
 * The service is ready once the migrations in `migrations/<name of the contract>` are applied.
 */
export async function openService<S extends ServiceConfig>(
  contract: ServiceContract,
  schema: S,
): Promise<OpenService<S>> {
  await using resources = new AsyncDisposableStack();
  const { config, logger, registry, identity, userAgent, logListening } = resources.use(
    await openProcess(contract, schema),
  );
  const { DATABASE_URL: url, DATABASE_POOL_MAX: poolMax } = config;
  const database = resources.use(openDatabase({ url, poolMax, logger, registry }));
  const limit = adaptiveLimit();
  const opened = resources.move();
  return {
    config,
    logger,
    registry,
    identity,
    database,
    limit,
    userAgent,
    async serve(service, stopped) {
      const server = await serveHttp(service, {
        host: config.HOST,
        port: config.PORT,
        allowedHosts: config.ALLOWED_HOSTS,
        allowedOrigins: config.ALLOWED_ORIGINS,
        logger,
        registry,
        readiness: databaseReadiness(database, join(import.meta.dirname, '../../migrations', contract.name)),
        admission: limit,
        tls: identity.tls,
      });
      logListening(server.url, stopped);
      return server;
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
