import type { Database } from 'service-kit';
import type { Store } from '../domain/ports.ts';
import { createNotifications } from './notifications.ts';

/** Binds the repositories to the one connection of a transaction. */
export function createStore(database: Database): Store {
  return {
    transaction(work, { signal }) {
      return database.transaction((executor) => work({ notifications: createNotifications(executor) }), { signal });
    },
  };
}
