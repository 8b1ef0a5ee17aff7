import type { Handlers } from 'rpc-kit';
import { CART_LINES_MAX, type checkout, LINE_COUNT_MAX } from '../../contract.ts';
import { addToCart } from '../domain/add-to-cart.ts';
import { deleteFromCart } from '../domain/delete-from-cart.ts';
import { listCart } from '../domain/list-cart.ts';
import type { CartReader, OrderDesk, ProductCatalogue, Store, Warehouse } from '../domain/ports.ts';
import { purchase } from '../domain/purchase.ts';
import { toWireError } from './wire-errors.ts';

export interface HandlerParts {
  readonly store: Store;
  readonly carts: CartReader;
  readonly warehouse: Warehouse;
  readonly orderDesk: OrderDesk;
  readonly catalogue: ProductCatalogue;
}

const limits = { linesMax: CART_LINES_MAX, countMax: LINE_COUNT_MAX };

export function createHandlers(parts: HandlerParts): Handlers<typeof checkout.methods> {
  return {
    async addToCart({ user, sku, count }, call) {
      await orWireError(addToCart({ ...parts, limits }, user, { sku, count }, call));
      return {};
    },

    async deleteFromCart({ user, sku, count }, call) {
      await deleteFromCart(parts.store, user, { sku, count }, call);
      return {};
    },

    async listCart({ user }, call) {
      const { items, totalPrice } = await orWireError(listCart(parts, user, call));
      return { items: [...items], totalPrice };
    },

    async purchase({ user }, call) {
      const request = { user, idempotencyKey: call.caller.idempotencyKey };
      return { orderID: await orWireError(purchase(parts, request, call)) };
    },
  };
}

async function orWireError<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw toWireError(error);
  }
}
