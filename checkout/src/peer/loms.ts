import { loms } from 'loms/contract.ts';
import { type Client, failedWith } from 'rpc-kit';
import type { OrderDesk, PurchaseOutcome, Warehouse } from '../domain/ports.ts';
import { isCertainRefusal, toOwnFailure } from './peer-errors.ts';

type LomsClient = Client<typeof loms.methods>;

export function createWarehouse(client: LomsClient): Warehouse {
  return {
    async onSale(sku, context) {
      try {
        const { stocks } = await client.stocks({ sku }, context);
        return stocks.reduce((sum, { count }) => sum + count, 0n);
      } catch (error) {
        throw toOwnFailure('loms', error);
      }
    },
  };
}

export function createOrderDesk(client: LomsClient): OrderDesk {
  return {
    async order({ purchaseID, user, items }, context) {
      const request = { user, items: [...items], idempotencyKey: purchaseID };
      try {
        const { orderID } = await client.createOrder(request, context);
        return { state: 'ordered', orderID };
      } catch (error) {
        const refused = toRefusal(error);
        if (refused) return refused;
        throw toOwnFailure('loms', error);
      }
    },
  };
}

function toRefusal(error: unknown): PurchaseOutcome | undefined {
  if (failedWith(error, loms.methods.createOrder, 'out_of_stock')) return { state: 'out of stock', ...error.details };
  return isCertainRefusal(error) ? { state: 'rejected' } : undefined;
}
