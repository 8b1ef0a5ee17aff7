import assert from 'node:assert/strict';
import { after, before } from 'mocha';
import { fail } from 'rpc-kit';
import type { Route } from '../src/route.ts';
import { PREFIX, ROUTES } from '../src/routes/index.ts';
import { SERVICES } from '../src/services.ts';
import type { Answered } from './ask.ts';
import { type Gateway, openGateway } from './gateway-fixture.ts';

const { loms } = SERVICES;
const rows: readonly Route[] = Object.values(ROUTES).flat();
const VERBS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND', 'QUERY'];

/** The request of a row's example. */
function exampleOf({ method, path, example = {}, idempotencyKey, ifMatch }: Route) {
  const address = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => example.params?.[name] ?? '');
  const headers = { ...(idempotencyKey && { 'idempotency-key': 'example' }), ...(ifMatch && { 'if-match': '"1"' }) };
  return { path: `${PREFIX}${address}`, asked: { method, headers, body: example.body } };
}

/** Who may use each route, written down once more: a rule that is changed by mistake differs from this one. */
const RULES = {
  anyone: [
    ...['POST /auth/register', 'POST /auth/login', 'POST /auth/refresh', 'POST /auth/logout'],
    ...['GET /products', 'GET /products/{sku}'],
  ],
  user: [
    ...['GET /me', 'PUT /me/password', 'GET /me/sessions', 'DELETE /me/sessions/{id}'],
    ...['GET /cart', 'POST /cart/items', 'DELETE /cart/items/{sku}', 'POST /cart/purchase'],
    ...['POST /orders', 'GET /orders', 'GET /notifications'],
  ],
  owner: ['GET /orders/{id}', 'POST /orders/{id}/pay', 'POST /orders/{id}/cancel'],
  admin: [
    ...['POST /products', 'PUT /products/{sku}', 'DELETE /products/{sku}', 'POST /products/{sku}/stock'],
    ...['GET /users', 'PUT /users/{id}/role', 'POST /users/{id}/disable'],
  ],
};

describe('The rules of the routes', () => {
  it('are those of the list, for each route', () => {
    const byWho = Map.groupBy(rows, ({ who }) => who);
    const found = [...byWho].map(([who, those]) => [who, those.map(({ method, path }) => `${method} ${path}`)]);
    assert.deepEqual(Object.fromEntries(found), RULES);
  });
});

describe('Each route', () => {
  let gateway: Gateway;
  before(async () => {
    gateway = await openGateway({});
  });
  after(() => gateway[Symbol.asyncDispose]());

  async function ask(row: Route, as?: string): Promise<Answered & { readonly called: readonly string[] }> {
    const { path, asked } = exampleOf(row);
    const before = gateway.calls.length;
    const answered = await gateway.ask(path, { ...asked, ...(as !== undefined && { as }) });
    const called = gateway.calls.slice(before).filter((call) => call !== 'accounts.leaseTokens');
    return { ...answered, called };
  }

  for (const row of rows) {
    const name = `${row.method} ${row.path}`;
    const isPublic = row.who === 'anyone';

    it(`${name} ${isPublic ? 'serves anyone' : 'refuses anonymous requests, before any call'}`, async () => {
      assert.ok(['anyone', 'user', 'owner', 'admin'].includes(row.who), 'a route says who may use it');
      const { status, called, headers, body } = await ask(row);
      if (isPublic) {
        assert.deepEqual(
          [status, called.length],
          [503, 1],
          'the service is unavailable, so the call is as far as it gets',
        );
        return;
      }
      assert.deepEqual([status, body.error.code, called], [401, 'unauthenticated', []]);
      assert.equal(headers['www-authenticate'], 'Bearer realm="order-mesh"');
    });

    it(`${name} ${row.who === 'admin' ? 'refuses users, before any call' : 'serves users'}`, async () => {
      const { status, called } = await ask(row, 'anna');
      assert.deepEqual([status, called.length], row.who === 'admin' ? [403, 0] : [503, 1]);
    });

    it(`${name} serves admins`, async () => {
      const { status, called } = await ask(row, 'admin');
      assert.deepEqual([status, called.length], [503, 1]);
    });

    it(`${name} refuses a token that is not valid like every other one`, async () => {
      const { status, called, headers } = await ask(row, 'mallory');
      if (isPublic) return assert.equal(status, 503, 'the token of a public route is not read');
      assert.deepEqual([status, called], [401, []]);
      assert.equal(headers['www-authenticate'], 'Bearer realm="order-mesh", error="invalid_token"');
    });

    it(`${name} is not reached by another verb or a header that overrides it`, async () => {
      const { path, asked } = exampleOf(row);
      const own = rows.filter((other) => other.path === row.path).map(({ method }) => method);
      for (const method of VERBS.filter((verb) => !own.some((mine) => mine === verb))) {
        const before = gateway.calls.length;
        const headers = { ...asked.headers, 'x-http-method-override': row.method, 'x-method-override': row.method };
        const answered = await gateway.ask(path, { method, as: 'admin', headers });
        assert.deepEqual([method, answered.status, gateway.calls.length], [method, 405, before]);
        const allow = own.flatMap((verb) => (verb === 'GET' ? ['GET', 'HEAD'] : [verb])).sort();
        assert.deepEqual(answered.headers.allow?.split(', ').sort(), allow);
      }
    });

    it(`${name} does nothing on OPTIONS`, async () => {
      const { path } = exampleOf(row);
      const before = gateway.calls.length;
      const { status, headers } = await gateway.ask(path, { method: 'OPTIONS', as: 'admin' });
      assert.deepEqual([status, gateway.calls.length], [204, before]);
      assert.match(headers.allow ?? '', new RegExp(row.method));
    });
  }

  it('answers HEAD like GET, without a body', async () => {
    const { status, text } = await gateway.ask('/v1/me', { method: 'HEAD' });
    assert.deepEqual([status, text], [401, '']);
  });
});

describe("Another user's order", () => {
  const owners = new Map([
    [1n, 1n],
    [2n, 2n],
  ]);
  let gateway: Gateway;
  before(async () => {
    gateway = await openGateway({
      loms: {
        async getOrder({ orderID }) {
          const user = owners.get(orderID);
          if (user === undefined) throw fail(loms.methods.getOrder, 'order_not_found', { orderID });
          return { orderID, user, status: 'new', createdAt: new Date(), items: [{ sku: 1, count: 1 }] };
        },
        orderPayed: async () => ({}),
        cancelOrder: async () => ({}),
      },
      products: { get_products: async () => ({ products: [] }) },
    });
  });
  after(() => gateway[Symbol.asyncDispose]());

  for (const [method, path] of [
    ['GET', ''],
    ['POST', '/pay'],
    ['POST', '/cancel'],
  ] as const) {
    it(`is answered like an unknown one, after the same calls: ${method} /orders/{id}${path}`, async () => {
      const ask = async (id: number) => {
        const before = gateway.calls.length;
        const { status, body, headers } = await gateway.ask(`/v1/orders/${id}${path}`, { method, as: 'anna' });
        const { requestId, ...error } = body.error;
        const { date, 'x-request-id': _id, ratelimit, ...others } = headers;
        const text = JSON.stringify({ status, error, others }).replaceAll(`"${id}"`, '"the id"');
        return { text, calls: gateway.calls.slice(before).filter((call) => call !== 'accounts.leaseTokens') };
      };
      const [anothers, unknown] = [await ask(2), await ask(3)];
      assert.deepEqual(anothers, unknown);
      assert.match(anothers.text, /"status":404.*order_not_found/);
      assert.deepEqual(anothers.calls, ['loms.getOrder']);
    });

    it(`is served to an admin: ${method} /orders/{id}${path}`, async () => {
      const { status } = await gateway.ask(`/v1/orders/2${path}`, { method, as: 'admin' });
      assert.equal(status, 200);
    });
  }
});
