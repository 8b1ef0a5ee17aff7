import { checkout, LINE_COUNT_MAX } from 'checkout/contract.ts';
import { loms } from 'loms/contract.ts';
import { products } from 'products/contract.ts';
import { z } from 'zod';
import { amounts, countInQuery, skuInPath } from '../rest-types.ts';
import { route } from '../route.ts';
import { EXAMPLE_ORDER, order, placedOrder } from './order.ts';

const { listCart, addToCart, deleteFromCart, purchase } = checkout.methods;

const line = z.object({ sku: amounts.sku, count: amounts.count, name: z.string(), price: amounts.price });

export const cartRoutes = [
  route({
    method: 'GET',
    path: '/cart',
    who: 'user',
    priority: 'low',
    summary: 'Shows the cart with names and prices.',
    calls: [listCart],
    status: 200,
    answer: z.object({ items: z.array(line), totalPrice: amounts.total }),
    example: { answer: { items: EXAMPLE_ORDER.items, totalPrice: 3980 } },
    async handle({ services, person: { user }, call }) {
      return { body: await services.checkout.listCart({ user }, call) };
    },
  }),
  route({
    method: 'POST',
    path: '/cart/items',
    who: 'user',
    summary: 'Puts goods into the cart; what it holds of the sku already is added to.',
    calls: [addToCart],
    body: addToCart.params.pick({ sku: true, count: true }),
    status: 204,
    example: { body: { sku: 5000001, count: 2 } },
    async handle({ services, person: { user }, body, call }) {
      await services.checkout.addToCart({ user, ...body }, call);
      return {};
    },
  }),
  route({
    method: 'DELETE',
    path: '/cart/items/{sku}',
    who: 'user',
    summary: 'Takes goods out of the cart: `count` of them, or all.',
    description: 'Asking for more than there is removes the line; a line that is not there is no error.',
    calls: [deleteFromCart],
    params: z.strictObject({ sku: skuInPath }),
    query: z.strictObject({ count: countInQuery.optional() }),
    status: 204,
    example: { params: { sku: '5000001' }, query: { count: '1' } },
    async handle({ services, person: { user }, params, query: { count = LINE_COUNT_MAX }, call }) {
      await services.checkout.deleteFromCart({ user, ...params, count }, call);
      return {};
    },
  }),
  route({
    method: 'POST',
    path: '/cart/purchase',
    who: 'user',
    priority: 'high',
    summary: 'Orders the goods of the cart and empties it.',
    description:
      'The same Idempotency-Key again answers the same order. A request that comes while the first one is being handled waits for it.',
    calls: [purchase, loms.methods.getOrder, products.methods.get_products],
    idempotencyKey: 'required',
    status: 201,
    answer: order,
    example: { answer: EXAMPLE_ORDER },
    async handle(request) {
      const { services, person, idempotencyKey, call } = request;
      const { orderID } = await services.checkout.purchase({ user: person.user, idempotencyKey }, call);
      return placedOrder(request, orderID);
    },
  }),
];
