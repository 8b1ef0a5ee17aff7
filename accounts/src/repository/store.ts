import type { Database } from 'service-kit';
import type { Store } from '../domain/ports.ts';
import { createAudit } from './audit.ts';
import { createLoginFailures } from './login-failures.ts';
import { createSessions } from './sessions.ts';
import { createUsers } from './users.ts';

export interface StoreOptions {
  /** Hashes the keys of failed logins. */
  readonly failuresKey: Buffer;
}

/** The unit of work: all repositories on one connection, inside one transaction. */
export function createStore(database: Database, { failuresKey }: StoreOptions): Store {
  return {
    transaction: (work, context) =>
      database.transaction(
        (transaction) =>
          work({
            users: createUsers(transaction),
            loginFailures: createLoginFailures(transaction, failuresKey),
            audit: createAudit(transaction, context),
            sessions: createSessions(transaction),
          }),
        { signal: context.signal },
      ),
  };
}
