import type { Handlers } from 'rpc-kit';
import type { loms } from '../../contract.ts';
import { cancelOrder } from '../domain/cancel-order.ts';
import { createOrder } from '../domain/create-order.ts';
import { payOrder } from '../domain/pay-order.ts';
import type { OrderReader, StockReader, Store } from '../domain/ports.ts';
import { showOrder } from '../domain/show-order.ts';
import { toWireError } from './wire-errors.ts';

export interface HandlerParts {
  readonly store: Store;
  readonly orders: OrderReader;
  readonly stocks: StockReader;
}

export function createHandlers({ store, orders, stocks }: HandlerParts): Handlers<typeof loms.methods> {
  return {
    async createOrder({ user, items }, call) {
      const { idempotencyKey, name } = call.caller;
      const request = { user, items, idempotencyKey, caller: serviceOf(name) };
      return { orderID: await orWireError(createOrder(store, request, call)) };
    },

    async listOrder({ orderID }, call) {
      const { status, user, items } = await orWireError(showOrder(orders, orderID, call));
      return { status, user, items: [...items] };
    },

    async orderPayed({ orderID }, call) {
      await orWireError(payOrder(store, orderID, call));
      return {};
    },

    async cancelOrder({ orderID }, call) {
      await orWireError(cancelOrder(store, orderID, call));
      return {};
    },

    async stocks({ sku }, call) {
      const onSale = await stocks.onSale(sku, call);
      return { stocks: onSale.map(({ warehouseID, count }) => ({ warehouseID, count })) };
    },
  };
}

/** checkout/0.1.0 and checkout/0.2.0 are one caller: a call that is repeated across an upgrade finds its order. */
function serviceOf(callerName = ''): string {
  return callerName.split('/', 1)[0] ?? '';
}

async function orWireError<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw toWireError(error);
  }
}
