import { type Handlers, RpcError } from 'rpc-kit';
import { answerRefusals } from 'service-kit';
import { CART_LINES_MAX, checkout, LINE_COUNT_MAX } from '../../contract.ts';
import { addToCart } from '../domain/add-to-cart.ts';
import { deleteFromCart } from '../domain/delete-from-cart.ts';
import { listCart } from '../domain/list-cart.ts';
import type { CartReader, OrderDesk, ProductCatalogue, ProductStates, Store, Warehouse } from '../domain/ports.ts';
import { purchase } from '../domain/purchase.ts';

export interface HandlerParts {
  readonly store: Store;
  readonly carts: CartReader;
  readonly warehouse: Warehouse;
  readonly orderDesk: OrderDesk;
  readonly catalogue: ProductCatalogue;
  readonly states: ProductStates;
}

const limits = { linesMax: CART_LINES_MAX, countMax: LINE_COUNT_MAX };

/** By then the other purchase of the user has ended. */
const CONTENDED_RETRY_AFTER_MS = 1_000;

export function createHandlers(parts: HandlerParts): Handlers<typeof checkout.methods> {
  const handlers: Handlers<typeof checkout.methods> = {
    async addToCart({ user, sku, count }, call) {
      await addToCart({ ...parts, limits }, user, { sku, count }, call);
      return {};
    },

    async deleteFromCart({ user, sku, count }, call) {
      await deleteFromCart(parts.store, user, { sku, count }, call);
      return {};
    },

    async listCart({ user }, call) {
      const { items, totalPrice } = await listCart(parts, user, call);
      return { items: [...items], totalPrice };
    },

    async purchase({ user }, call) {
      const request = { user, idempotencyKey: call.caller.idempotencyKey };
      return { orderID: await purchase(parts, request, call) };
    },
  };
  return answerRefusals(checkout, handlers, {
    contended: (cause) =>
      new RpcError('aborted', 'Other purchases of this user are under way', {
        retryAfterMs: CONTENDED_RETRY_AFTER_MS,
        cause,
      }),
  });
}
