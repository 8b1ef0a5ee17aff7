import assert from 'node:assert/strict';
import { loms } from 'loms/contract.ts';
import { products } from 'products/contract.ts';
import { createClient } from 'rpc-kit';
import type { Account } from './account.ts';
import type { RestRequest } from './exchange.ts';
import { createRestTransport } from './transport.ts';

const account = (user: bigint): Account => ({
  user,
  secrets: [],
  token: async () => `token of ${user}`,
  refresh: async () => {},
  login: async () => {},
  logout: async () => {},
});

/** Clients over a gateway that answers each request with this body. */
function open(body: unknown) {
  const requests: Omit<RestRequest, 'signal'>[] = [];
  const exchange = async ({ signal: _signal, ...request }: RestRequest) => {
    requests.push(request);
    return body;
  };
  const transport = createRestTransport(exchange, ({ user = 7n }) => account(BigInt(user as number)));
  return { requests, loms: createClient(loms, transport), products: createClient(products, transport) };
}

describe('A call through the gateway', () => {
  it('carries the token of its user, the key in a header, and no user in the body', async () => {
    const { requests, loms } = open({ orderID: 2n ** 60n, status: 'awaiting payment', items: [] });
    const order = { user: 9n, items: [{ sku: 1, count: 2 }], idempotencyKey: 'a key' };
    assert.deepEqual(await loms.createOrder(order), { orderID: 2n ** 60n });
    assert.deepEqual(requests, [
      {
        method: 'POST',
        path: '/orders',
        headers: { 'idempotency-key': 'a key', authorization: 'Bearer token of 9' },
        body: { items: order.items },
      },
    ]);
  });

  it('of an order names it with every digit', async () => {
    const { requests, loms } = open(undefined);
    assert.deepEqual(await loms.orderPayed({ orderID: 9_223_372_036_854_775_807n }), {});
    assert.equal(requests[0]?.path, '/orders/9223372036854775807/pay');
  });

  it('that changes a price sends the name that was seen, and the version as If-Match', async () => {
    const { requests, products } = open({ sku: 1, name: 'a lamp', price: 10, version: 3 });
    await products.get_products({ skus: [1] });
    await products.update_product({ sku: 1, version: 3, price: 12, actor: 7n });
    const [, { body, headers } = {}] = requests;
    assert.deepEqual(body, { name: 'a lamp', price: 12 });
    assert.equal(headers?.['if-match'], '"3"');
  });

  it('that has no route fails', async () => {
    const { loms } = open({});
    await assert.rejects(loms.stocks({ sku: 1 }), { code: 'unimplemented' });
  });
});
