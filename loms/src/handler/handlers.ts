import { type Handlers, int64, RpcError } from 'rpc-kit';
import { answerRefusals, callingService, createPages } from 'service-kit';
import { loms } from '../../contract.ts';
import { adjustStock } from '../domain/adjust-stock.ts';
import { toOrderCall } from '../domain/create-orders.ts';
import type { ChangeFeed, ChangeReader, OrderReader, StockReader, Store } from '../domain/ports.ts';
import { isRefusal } from '../domain/refusal.ts';
import { showOrder } from '../domain/show-order.ts';
import { watchOrder } from '../domain/watch-order.ts';
import { createOrderGroups } from './order-groups.ts';

export interface HandlerParts {
  readonly store: Store;
  readonly orders: OrderReader;
  readonly stocks: StockReader;
  readonly changes: ChangeReader;
  readonly feed: ChangeFeed;
}

const pages = createPages({ orderID: int64 });

export function createHandlers(parts: HandlerParts): Handlers<typeof loms.methods> {
  const { store, orders, stocks } = parts;
  const groups = createOrderGroups(store);
  const handlers: Handlers<typeof loms.methods> = {
    async createOrder({ user, items }, call) {
      const { idempotencyKey } = call.caller;
      const request = { user, items, idempotencyKey, caller: callingService(call.caller) };
      return { orderID: await groups.create(toOrderCall(request, call)) };
    },

    async listOrder({ orderID }, call) {
      const { status, user, items } = await showOrder(orders, orderID, call);
      return { status, user, items: [...items] };
    },

    async getOrder({ orderID }, call) {
      const { items, ...order } = await showOrder(orders, orderID, call);
      return { ...order, items: [...items] };
    },

    watchOrder: (params, call) => watchOrder(parts, params, call),

    async listOrders({ cursor, limit, ...filter }, call) {
      const found = await orders.list(filter, limit + 1, pages.after(cursor), call);
      const { items, nextCursor } = pages.cut(found, limit);
      return { orders: items.map(({ user: _user, items, ...order }) => ({ ...order, items: [...items] })), nextCursor };
    },

    async orderPayed({ orderID }, call) {
      await groups.settle('payed', { orderID, context: call });
      return {};
    },

    async cancelOrder({ orderID }, call) {
      await groups.settle('cancelled', { orderID, context: call });
      return {};
    },

    async stocks({ sku }, call) {
      const onSale = await stocks.onSale(sku, call);
      return { stocks: onSale.map(({ warehouseID, count }) => ({ warehouseID, count })) };
    },

    async adjustStock(adjustment, call) {
      return { onSale: await adjustStock(store, { ...adjustment, caller: callingService(call.caller) }, call) };
    },
  };
  return answerRefusals(loms, handlers, { count_too_large: toInvalidParams });
}

function toInvalidParams(refusal: Error): RpcError {
  if (!isRefusal(refusal, 'count_too_large')) throw refusal;
  const message = `the lines of sku ${refusal.facts.sku} add up to more than ${refusal.facts.countMax}`;
  const details = { issues: [{ path: 'items', message }] };
  return new RpcError('invalid_params', `Invalid params: items: ${message}`, { details });
}
