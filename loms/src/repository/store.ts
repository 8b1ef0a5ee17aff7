import type { Database } from 'service-kit';
import type { Outbox, Store } from '../domain/ports.ts';
import { createIdempotencyKeys } from './idempotency-keys.ts';
import { createOrders } from './orders.ts';
import { createOutbox } from './outbox.ts';
import { createStocks } from './stocks.ts';

export interface StoreOptions {
  readonly paymentTimeoutMs: number;
  /** Called after each commit that left events to deliver. */
  readonly onEvents: () => void;
}

/** The unit of work: all repositories on one connection, inside one transaction. */
export function createStore(database: Database, { paymentTimeoutMs, onEvents }: StoreOptions): Store {
  return {
    async transaction(work, context) {
      let events = 0;
      const result = await database.transaction(
        (transaction) => {
          events = 0;
          const outbox: Outbox = {
            async add(changes) {
              await createOutbox(transaction, context).add(changes);
              events += changes.length;
            },
          };
          const orders = createOrders(transaction, paymentTimeoutMs);
          const stocks = createStocks(transaction);
          return work({ orders, stocks, outbox, idempotencyKeys: createIdempotencyKeys(transaction) });
        },
        { signal: context.signal },
      );
      if (events > 0) onEvents();
      return result;
    },
  };
}
