import { implement, type Service } from 'rpc-kit';
import { type ServingParts, serviceOptions } from 'service-kit';
import { notifications } from '../contract.ts';
import type { History, Store } from './domain/ports.ts';
import { createHandlers } from './handler/handlers.ts';
import { createCountingSink } from './sink/counting-sink.ts';
import { createLogSink } from './sink/log-sink.ts';

export interface Parts extends ServingParts {
  readonly store: Store;
  readonly history: History;
}

export function createApp(parts: Parts): Service<typeof notifications.methods> {
  const { store, history, logger, registry } = parts;
  const sink = createCountingSink(registry, createLogSink(logger));
  return implement(notifications, createHandlers({ store, sink, history }), serviceOptions(parts));
}
