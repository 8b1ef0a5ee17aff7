import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { implement, type Service, serverLogging, serverMetrics } from 'rpc-kit';
import { databaseErrors } from 'service-kit';
import { notifications } from '../contract.ts';
import type { History, Store } from './domain/ports.ts';
import { createHandlers } from './handler/handlers.ts';
import { createCountingSink } from './sink/counting-sink.ts';
import { createLogSink } from './sink/log-sink.ts';

export interface Parts {
  readonly store: Store;
  readonly history: History;
  readonly logger: Logger;
  readonly registry: Registry;
}

export function createApp({ store, history, logger, registry }: Parts): Service<typeof notifications.methods> {
  const sink = createCountingSink(registry, createLogSink(logger));
  const interceptors = [serverMetrics(registry), serverLogging(logger), databaseErrors()];
  return implement(notifications, createHandlers({ store, sink, history }), { interceptors });
}
