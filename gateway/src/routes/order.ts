import { loms } from 'loms/contract.ts';
import { type CallOptions, fail, type ResultOf, RpcError, timestamp } from 'rpc-kit';
import { z } from 'zod';
import type { Person } from '../auth/access-tokens.ts';
import { amounts, id, orderStatus } from '../rest-types.ts';
import type { Answer } from '../route.ts';
import type { Services } from '../services.ts';

const { getOrder } = loms.methods;

const orderedItem = z.object({ sku: amounts.sku, count: amounts.count });
const about = { orderID: id, status: orderStatus, createdAt: timestamp };

/** An order of a list: names and prices of a hundred orders would take a hundred calls. */
export const listedOrder = z.object({ ...about, items: z.array(orderedItem) });

export const order = z.object({
  ...about,
  items: z.array(
    orderedItem.extend({
      /** Absent for a sku that the catalogue does not know, and while the catalogue does not answer. */
      name: z.string().optional(),
      /** The price now. Absent like the name. */
      price: amounts.price.optional(),
    }),
  ),
});

export const EXAMPLE_ORDER = {
  orderID: '1',
  status: 'awaiting_payment',
  createdAt: '2026-11-20T09:00:00.250Z',
  items: [{ sku: 5000001, count: 2, name: 'Enamel kettle, 2 l', price: 1990 }],
};

interface Scope {
  readonly services: Services;
  readonly person: Person;
  readonly call: CallOptions;
}

/**
 * The order, if it is the person's own or the person is an admin.
 * @throws {RpcError} order_not_found for another's order: the same error after the same call as for an unknown order
 */
export async function ownOrder({ services, person, call }: Scope, orderID: bigint): Promise<ResultOf<typeof getOrder>> {
  const found = await services.loms.getOrder({ orderID }, call);
  if (found.user === person.user || person.role === 'admin') return found;
  throw fail(getOrder, 'order_not_found', { orderID });
}

/** The answer to a request that has made an order. */
export async function placedOrder(scope: Scope, orderID: bigint): Promise<Answer<z.output<typeof order>>> {
  const placed = await scope.services.loms.getOrder({ orderID }, scope.call);
  return { body: await withNames(scope, placed), location: `/orders/${orderID}` };
}

type Ordered = Omit<z.output<typeof order>, 'items'> & { readonly items: readonly { sku: number; count: number }[] };

/** Names and prices come from one call for all items. */
export async function withNames({ services, call }: Scope, ordered: Ordered): Promise<z.output<typeof order>> {
  const skus = [...new Set(ordered.items.map(({ sku }) => sku))];
  const { products } = await services.products.get_products({ skus }, call).catch(withoutCatalogue);
  const bySku = new Map(products.map(({ sku, name, price }) => [sku, { name, price }]));
  return { ...ordered, items: ordered.items.map((item) => ({ ...item, ...bySku.get(item.sku) })) };
}

/** An order is shown, and its purchase is answered, although the catalogue is unavailable. */
function withoutCatalogue(error: unknown): { products: [] } {
  if (error instanceof RpcError && ['unavailable', 'deadline_exceeded', 'internal'].includes(error.code)) {
    return { products: [] };
  }
  throw error;
}
