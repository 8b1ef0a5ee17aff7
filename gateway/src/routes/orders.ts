import { loms } from 'loms/contract.ts';
import { products } from 'products/contract.ts';
import { z } from 'zod';
import { id, listOf, orderStatus, paging } from '../rest-types.ts';
import { route } from '../route.ts';
import { EXAMPLE_ORDER, listedOrder, order, ownOrder, placedOrder, withNames } from './order.ts';

const { createOrder, getOrder, listOrders, cancelOrder, orderPayed } = loms.methods;
const { get_products } = products.methods;

const byId = z.strictObject({ id });
const EXAMPLE_ID = { id: '1' };

export const orderRoutes = [
  route({
    method: 'POST',
    path: '/orders',
    who: 'user',
    priority: 'high',
    summary: 'Orders goods without the cart.',
    description:
      'The same Idempotency-Key and body again answer the same order. A request that comes while the first one is being handled waits for it.',
    calls: [createOrder, getOrder, get_products],
    body: createOrder.params.pick({ items: true }),
    idempotencyKey: 'required',
    status: 201,
    answer: order,
    example: { body: { items: [{ sku: 5000001, count: 2 }] }, answer: EXAMPLE_ORDER },
    async handle(request) {
      const { services, person, body, idempotencyKey, call } = request;
      const { orderID } = await services.loms.createOrder({ user: person.user, ...body, idempotencyKey }, call);
      return placedOrder(request, orderID);
    },
  }),
  route({
    method: 'GET',
    path: '/orders',
    who: 'user',
    summary: 'Lists the orders of the signed-in person, newest first.',
    calls: [listOrders],
    query: z.strictObject({ status: orderStatus.optional(), ...paging }),
    pages: true,
    status: 200,
    answer: listOf(listedOrder),
    example: {
      query: { status: 'awaiting_payment' },
      answer: { items: [{ ...EXAMPLE_ORDER, items: [{ sku: 5000001, count: 2 }] }] },
    },
    async handle({ services, person: { user }, query, call }) {
      const { orders, nextCursor } = await services.loms.listOrders({ user, ...query }, call);
      return { body: { items: orders, nextCursor } };
    },
  }),
  route({
    method: 'GET',
    path: '/orders/{id}',
    who: 'owner',
    summary: 'Shows an order with the names and prices of its goods.',
    calls: [getOrder, get_products],
    params: byId,
    status: 200,
    answer: order,
    example: { params: EXAMPLE_ID, answer: EXAMPLE_ORDER },
    async handle(request) {
      return { body: await withNames(request, await ownOrder(request, request.params.id)) };
    },
  }),
  route({
    method: 'POST',
    path: '/orders/{id}/pay',
    who: 'owner',
    priority: 'high',
    summary: 'Pays an order.',
    description: 'Paying a paid order changes nothing.',
    calls: [getOrder, orderPayed, get_products],
    params: byId,
    status: 200,
    answer: order,
    example: { params: EXAMPLE_ID, answer: { ...EXAMPLE_ORDER, status: 'paid' } },
    async handle(request) {
      const { services, params, call } = request;
      const found = await ownOrder(request, params.id);
      await services.loms.orderPayed({ orderID: params.id }, call);
      return { body: await withNames(request, { ...found, status: 'payed' }) };
    },
  }),
  route({
    method: 'POST',
    path: '/orders/{id}/cancel',
    who: 'owner',
    priority: 'high',
    summary: 'Cancels an order that is not paid.',
    description: 'Cancelling a cancelled order changes nothing.',
    calls: [getOrder, cancelOrder, get_products],
    params: byId,
    status: 200,
    answer: order,
    example: { params: EXAMPLE_ID, answer: { ...EXAMPLE_ORDER, status: 'cancelled' } },
    async handle(request) {
      const { services, params, call } = request;
      const found = await ownOrder(request, params.id);
      await services.loms.cancelOrder({ orderID: params.id }, call);
      return { body: await withNames(request, { ...found, status: 'cancelled' }) };
    },
  }),
];
