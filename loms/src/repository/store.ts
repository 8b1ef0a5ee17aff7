import type { Database, Executor } from 'service-kit';
import type { Store } from '../domain/ports.ts';
import { createAdjustments } from './adjustments.ts';
import { createIdempotencyKeys } from './idempotency-keys.ts';
import { createOrders } from './orders.ts';
import { createStocks } from './stocks.ts';

export interface StoreOptions {
  readonly paymentTimeoutMs: number;
  /** Called after each commit that added events to the outbox, with their orders. */
  readonly onEvents?: (orderIDs: readonly bigint[]) => void;
}

/** The unit of work: all repositories on one connection, inside one transaction. */
export function createStore(database: Database, { paymentTimeoutMs, onEvents = () => {} }: StoreOptions): Store {
  return {
    async transaction(work, context) {
      let changed: bigint[] = [];
      const attempt = (transaction: Executor) => {
        // An attempt that lost a race was rolled back with its events.
        changed = [];
        const onAdded = (orderIDs: readonly bigint[]): void => void changed.push(...orderIDs);
        return work({
          orders: createOrders(transaction, { paymentTimeoutMs, onAdded }),
          stocks: createStocks(transaction),
          idempotencyKeys: createIdempotencyKeys(transaction),
          adjustments: createAdjustments(transaction, context),
        });
      };
      const result = await database.transaction(attempt, { signal: context.signal });
      if (changed.length > 0) onEvents(changed);
      return result;
    },
  };
}
