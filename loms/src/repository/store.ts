import type { Database, Executor } from 'service-kit';
import type { Handover, Store } from '../domain/ports.ts';
import { createIdempotencyKeys } from './idempotency-keys.ts';
import { createOrders } from './orders.ts';
import { createOutbox } from './outbox.ts';
import { createStocks } from './stocks.ts';

export interface StoreOptions {
  readonly paymentTimeoutMs: number;
  /** For each transaction: how its events find those who deliver them. Default: they wait to be looked for. */
  readonly openHandover?: () => Handover;
}

/** The unit of work: all repositories on one connection, inside one transaction. */
export function createStore(
  database: Database,
  { paymentTimeoutMs, openHandover = () => NO_HANDOVER }: StoreOptions,
): Store {
  return {
    async transaction(work, context) {
      const handover = openHandover();
      const attempt = (transaction: Executor) => {
        // Of an attempt that lost a race nothing is left.
        handover.drop();
        return work({
          orders: createOrders(transaction, paymentTimeoutMs),
          stocks: createStocks(transaction),
          outbox: createOutbox(transaction, context, handover),
          idempotencyKeys: createIdempotencyKeys(transaction),
        });
      };
      const result = await database.transaction(attempt, { signal: context.signal }).catch((error: unknown) => {
        // Also where nobody knows whether the commit took effect: its events are found when their lease is over.
        handover.drop();
        throw error;
      });
      handover.commit();
      return result;
    },
  };
}

const NO_HANDOVER: Handover = { leaseMs: 0, ask: () => 'free', wrote() {}, commit() {}, drop() {} };
