import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { implement, type Service, serverLogging, serverMetrics } from 'rpc-kit';
import { databaseErrors } from 'service-kit';
import { products } from '../contract.ts';
import type { Catalogue } from './domain/ports.ts';
import { createHandlers } from './handler/handlers.ts';

export interface Parts {
  readonly catalogue: Catalogue;
  /** What callers must send to be answered. */
  readonly token: string;
  readonly logger: Logger;
  readonly registry: Registry;
}

export function createApp({ catalogue, token, logger, registry }: Parts): Service<typeof products.methods> {
  const interceptors = [serverMetrics(registry), serverLogging(logger), databaseErrors()];
  return implement(products, createHandlers(catalogue, token), { interceptors });
}
