import assert from 'node:assert/strict';
import { afterEach, beforeEach } from 'mocha';
import { fail } from 'rpc-kit';
import { SERVICES } from '../src/services.ts';
import { type Gateway, openGateway } from './gateway-fixture.ts';

const { loms, products } = SERVICES;
const KETTLE = { sku: 5, name: 'Kettle', price: 1990, version: 3, archived: false };
const ORDER = {
  orderID: 9223372036854775807n,
  user: 1n,
  status: 'awaiting payment' as const,
  createdAt: new Date('2026-11-20T09:00:00.250Z'),
  items: [
    { sku: 5, count: 2 },
    { sku: 6, count: 1 },
  ],
};

describe('The shapes of REST', () => {
  let gateway: Gateway;
  beforeEach(async () => {
    gateway = await openGateway({
      loms: {
        createOrder: async () => ({ orderID: ORDER.orderID }),
        getOrder: async ({ orderID }) => {
          if (orderID !== ORDER.orderID) throw fail(loms.methods.getOrder, 'order_not_found', { orderID });
          return ORDER;
        },
        orderPayed: async () => ({}),
        cancelOrder: async () => {
          throw fail(loms.methods.cancelOrder, 'order_not_cancellable', { status: 'payed' });
        },
      },
      products: {
        get_products: async ({ skus }) => ({ products: [KETTLE].filter(({ sku }) => skus.includes(sku)) }),
        update_product: async ({ sku, version }) => {
          if (version !== 3) throw fail(products.methods.update_product, 'version_conflict', { sku, version: 3 });
          return { ...KETTLE, version: 4 };
        },
      },
    });
  });
  afterEach(() => gateway[Symbol.asyncDispose]());

  it('show an order with ids as text, its status in REST, and names and prices from one call', async () => {
    const { status, body, headers } = await gateway.ask('/v1/orders/9223372036854775807', { as: 'anna' });
    assert.equal(status, 200);
    assert.deepEqual(body, {
      orderID: '9223372036854775807',
      status: 'awaiting_payment',
      createdAt: '2026-11-20T09:00:00.250Z',
      items: [
        { sku: 5, count: 2, name: 'Kettle', price: 1990 },
        { sku: 6, count: 1 },
      ],
    });
    assert.equal(headers['cache-control'], 'no-store');
    assert.deepEqual(gateway.calls.slice(-2), ['loms.getOrder', 'products.get_products']);
  });

  it('answer 201 with the Location of a new order', async () => {
    const { status, headers, body } = await gateway.ask('/v1/orders', {
      method: 'POST',
      as: 'anna',
      headers: { 'idempotency-key': '"one"' },
      body: { items: [{ sku: 5, count: 2 }] },
    });
    assert.equal(status, 201);
    assert.equal(headers.location, '/v1/orders/9223372036854775807');
    assert.equal(body.status, 'awaiting_payment');
  });

  it('say paid, never payed', async () => {
    const paid = await gateway.ask('/v1/orders/9223372036854775807/pay', { method: 'POST', as: 'anna' });
    assert.equal(paid.body.status, 'paid');
    const refused = await gateway.ask('/v1/orders/9223372036854775807/cancel', { method: 'POST', as: 'anna' });
    assert.equal(refused.status, 409);
    assert.equal(refused.body.error.reason, 'order_not_cancellable');
    assert.deepEqual(refused.body.error.details, { status: 'paid' });
  });

  it('are 304 without a body for a tag of If-None-Match that is still right', async () => {
    const read = (tag: string) => gateway.ask('/v1/products/5', { headers: { 'if-none-match': tag } });
    for (const tag of ['"3"', 'W/"3"', '"2", "3"', '*']) {
      const { status, text, headers } = await read(tag);
      assert.deepEqual([tag, status, text, headers.etag], [tag, 304, '', '"3"']);
    }
    for (const tag of ['"2"', '3', '"33"', '']) assert.equal((await read(tag)).status, 200, tag);
    const head = await gateway.ask('/v1/products/5', { method: 'HEAD', headers: { 'if-none-match': '"3"' } });
    assert.equal(head.status, 304);
  });

  it('require If-Match: 428 without, 412 for a stale, weak or foreign tag', async () => {
    const change = (tag?: string) =>
      gateway.ask('/v1/products/5', {
        method: 'PUT',
        as: 'admin',
        headers: tag === undefined ? {} : { 'if-match': tag },
        body: { name: 'Kettle', price: 1 },
      });
    assert.equal((await change()).status, 428);
    for (const tag of ['"2"', 'W/"3"', '*', '3', '"3", "4"', '"03"', '"99999999999"', '"3" ']) {
      const { status, body } = await change(tag);
      if (tag === '"3" ') assert.equal(status, 200, 'HTTP strips outer spaces');
      else assert.deepEqual([tag, status, body.error.reason], [tag, 412, 'version_conflict']);
    }
    const done = await change('"3"');
    assert.equal(done.status, 200);
    assert.equal(done.headers.etag, '"4"');
  });
});
