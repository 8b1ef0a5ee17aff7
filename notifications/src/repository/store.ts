import type { Database, Executor } from 'service-kit';
import type { SinkName } from '../domain/delivery-ports.ts';
import type { Store } from '../domain/ports.ts';
import { createNotifications } from './notifications.ts';

/**
 * Binds the repositories to the one connection of a transaction.
 * @param sinks those that each notification is queued for
 */
export function createStore(database: Database, sinks: readonly SinkName[]): Store {
  return {
    transaction(work, { signal }) {
      const begin = (executor: Executor) => work({ notifications: createNotifications(executor, sinks) });
      return database.transaction(begin, { signal });
    },
  };
}
