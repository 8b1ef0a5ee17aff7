import { implement, type Service } from 'rpc-kit';
import { type ServingParts, serviceOptions } from 'service-kit';
import { notifications } from '../contract.ts';
import { createStoredSink } from './announce.ts';
import type { History, Sink, Store } from './domain/ports.ts';
import { createHandlers } from './handler/handlers.ts';

export interface Parts extends ServingParts {
  readonly store: Store;
  readonly history: History;
  /** What becomes of a notification at once when it is stored. Default: it is counted and logged. */
  readonly sink?: Sink;
}

export function createApp(parts: Parts): Service<typeof notifications.methods> {
  const { store, history, sink = createStoredSink(parts) } = parts;
  const handlers = createHandlers({ store, sink, history });
  return implement(notifications, handlers, serviceOptions(parts));
}
