import { join } from 'node:path';
import { protoLock } from 'proto';
import {
  adaptiveLimit,
  type ConcurrencyLimit,
  type Interceptor,
  type Service,
  type ServiceContract,
  serveHttp,
} from 'rpc-kit';
import { createServiceCodec, serveGrpc } from 'rpc-kit/grpc';
import { grpcMetrics, httpMetrics } from 'rpc-kit/metrics';
import type { z } from 'zod';
import type { commonVariables, serviceVariables } from './config.ts';
import { type Database, openDatabase } from './database/database.ts';
import { type OpenProcess, openProcess } from './open-process.ts';
import { openFaults } from './serving/open-faults.ts';
import { openMethodLimits } from './serving/open-method-limits.ts';
import { databaseReadiness } from './serving/readiness.ts';
import type { variable } from './variables.ts';

type ServiceConfig = z.ZodObject<
  typeof commonVariables & typeof serviceVariables & { readonly PORT: ReturnType<typeof variable.port> }
>;

/** A process with a database that serves a contract. */
export interface OpenService<S extends ServiceConfig> extends Omit<OpenProcess<S>, 'logListening'> {
  readonly database: Database;
  readonly limit: ConcurrencyLimit;
  /** For `serviceOptions`: what the environment turns on. */
  readonly configured: readonly Interceptor[];
  /**
   * Serves over HTTP, and over gRPC where GRPC_PORT is set; ready while the database answers and its migrations are applied. Disposing
   * drains both.
   */
  serve(service: Service, stopped: Promise<string>): Promise<AsyncDisposable>;
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
  const limits = openMethodLimits(contract, config.METHOD_LIMITS ?? [], { database, logger, registry });
  const faults = openFaults(contract, config.FAULTS, { logger, registry });
  const opened = resources.move();
  return {
    config,
    logger,
    registry,
    identity,
    database,
    limit,
    configured: [...limits, ...faults],
    userAgent,
    async serve(service, stopped) {
      const shared = {
        host: config.HOST,
        logger,
        readiness: databaseReadiness(database, join(import.meta.dirname, '../../migrations', contract.name)),
        admission: limit,
        tls: identity.tls,
      };
      await using servers = new AsyncDisposableStack();
      const { PORT, GRPC_PORT, ALLOWED_HOSTS: allowedHosts, ALLOWED_ORIGINS: allowedOrigins } = config;
      const http = servers.use(
        await serveHttp(service, {
          ...shared,
          metrics: httpMetrics(registry),
          port: PORT,
          allowedHosts,
          allowedOrigins,
        }),
      );
      const grpc =
        GRPC_PORT === undefined
          ? undefined
          : await serveGrpc(service, {
              ...shared,
              metrics: grpcMetrics(registry),
              port: GRPC_PORT,
              codec: createServiceCodec(contract, protoLock),
            });
      servers.move();
      if (grpc) logger.info({ url: grpc.url }, 'listening for gRPC');
      logListening(http.url, stopped);
      return {
        async [Symbol.asyncDispose]() {
          await Promise.all([http.close(), grpc?.close()]);
        },
      };
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
