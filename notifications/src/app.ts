import { implement, type Service } from 'rpc-kit';
import { type ServingParts, serviceOptions } from 'service-kit';
import { notifications } from '../contract.ts';
import type { History, Notification, Store } from './domain/ports.ts';
import { createHandlers } from './handler/handlers.ts';
import { createStoredSink } from './sink/stored-sink.ts';

export interface Parts extends ServingParts {
  readonly store: Store;
  readonly history: History;
  /** Called for each notification that has been stored for good. */
  readonly onStored?: (notification: Notification) => void;
}

export function createApp(parts: Parts): Service<typeof notifications.methods> {
  const { store, history } = parts;
  const handlers = createHandlers({ store, sink: createStoredSink(parts), history });
  return implement(notifications, handlers, serviceOptions(parts));
}
