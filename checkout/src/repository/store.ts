import type { Database } from 'service-kit';
import type { Store } from '../domain/ports.ts';
import { createCarts } from './carts.ts';
import { createPurchases } from './purchases.ts';

/** All repositories on one connection, inside one transaction. */
export function createStore(database: Database): Store {
  return {
    transaction: (work, context) =>
      database.transaction(
        (transaction) => work({ carts: createCarts(transaction), purchases: createPurchases(transaction, context) }),
        { signal: context?.signal },
      ),
  };
}
