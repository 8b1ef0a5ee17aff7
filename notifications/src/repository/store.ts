import type { Database } from 'service-kit';
import type { SinkName } from '../domain/delivery-ports.ts';
import type { Store } from '../domain/ports.ts';
import { createNotifications } from './notifications.ts';

/** @param sinks those that each notification is queued for */
export function createStore(database: Database, sinks: readonly SinkName[]): Store {
  return {
    notifications({ signal }) {
      return createNotifications({ run: (name, statement) => database.run(name, statement, { signal }) }, sinks);
    },
  };
}
