import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Notification, Sink } from './domain/ports.ts';
import { createCountingSink } from './sink/counting-sink.ts';
import { createLogSink } from './sink/log-sink.ts';

export interface StoredSinkParts {
  readonly logger: Logger;
  readonly registry: Registry;
  /** Called for each notification that has been stored for good. */
  readonly onStored?: ((notification: Notification) => void) | undefined;
}

/** What becomes of a notification at once when it is stored, whatever way its event came. */
export function createStoredSink({ logger, registry, onStored }: StoredSinkParts): Sink {
  const next = createCountingSink(registry, createLogSink(logger));
  return {
    async send(notification) {
      onStored?.(notification);
      await next.send(notification);
    },
  };
}
