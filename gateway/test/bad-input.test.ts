import assert from 'node:assert/strict';
import { after, before } from 'mocha';
import type { Answered, Asked } from './ask.ts';
import { type Gateway, openGateway } from './gateway-fixture.ts';

const ORDERS = { nextCursor: 'WzFd', orders: [] };

describe('Bad input at the edge', () => {
  let gateway: Gateway;
  const names: (string | undefined)[] = [];
  const cursors: (string | undefined)[] = [];
  before(async () => {
    gateway = await openGateway({
      loms: {
        async listOrders({ cursor }) {
          cursors.push(cursor);
          return ORDERS;
        },
      },
      products: {
        async list_products({ name }) {
          names.push(name);
          return { products: [], nextCursor: 'WzVd' };
        },
        get_products: async ({ skus }) => ({
          products: skus.map((sku) => ({ sku, name: 'Kettle', price: 1, version: 1, archived: false })),
        }),
      },
      checkout: { addToCart: async () => ({}) },
      notifications: { history: async () => ({ notifications: [] }) },
    });
  });
  after(() => gateway[Symbol.asyncDispose]());

  /** Asks and checks that a refusal has the one shape of errors and reaches no service. */
  async function refuses(status: number, path: string, asked: Asked = {}): Promise<Answered> {
    const before = gateway.calls.filter((call) => call !== 'accounts.leaseTokens').length;
    const answered = await gateway.ask(path, { as: 'anna', ...asked });
    assert.equal(answered.status, status, `${path}: ${answered.text}`);
    const { code, message, requestId } = answered.body.error;
    for (const text of [code, message, requestId]) assert.equal(typeof text, 'string');
    assert.equal(answered.headers['x-request-id'], requestId);
    assert.equal(answered.headers['cache-control'], 'no-store');
    assert.equal(gateway.calls.filter((call) => call !== 'accounts.leaseTokens').length, before);
    return answered;
  }

  it('is a user in the query: no one lists for another', async () => {
    for (const path of ['/v1/orders', '/v1/cart', '/v1/notifications', '/v1/me', '/v1/me/sessions']) {
      for (const query of ['user=2', 'userId=2', 'user_id=2', 'as=2']) await refuses(400, `${path}?${query}`);
    }
  });

  it('is any body where none is taken', async () => {
    for (const body of [{}, [], 1, 0, '""', false, null]) {
      await refuses(400, '/v1/orders/1/pay', { method: 'POST', body });
      await refuses(400, '/v1/cart/items/1', { method: 'DELETE', body });
    }
  });

  it('is an unknown member of a body', async () => {
    const line = { sku: 1, count: 1 };
    for (const more of [{ user: 2 }, { userID: 2 }, { price: 0 }, { __proto__: undefined, constructor: {} }]) {
      await refuses(400, '/v1/cart/items', { method: 'POST', body: { ...line, ...more } });
    }
    const credentials = { email: 'a@shop.example', password: 'a walk along the river' };
    for (const more of [{ role: 'admin' }, { id: 1 }, { emailVerified: true }, { device: {} }]) {
      await refuses(400, '/v1/auth/register', { method: 'POST', body: { ...credentials, ...more } });
    }
  });

  it('is a member __proto__ or a member that comes twice', async () => {
    for (const body of [
      '{"sku":1,"count":1,"__proto__":{"count":2}}',
      '{"sku":1,"count":1,"count":2}',
      '{"sku":1,"sku":1,"count":1}',
      '{"count":1,"sku":1,"\\u0073ku":1}',
    ]) {
      await refuses(400, '/v1/cart/items', { method: 'POST', body });
    }
  });

  it('is a limit out of its range or in another spelling', async () => {
    for (const limit of [
      '0',
      '-1',
      '101',
      '1e9',
      '1000000000',
      'NaN',
      '',
      ' 5',
      '+5',
      '05',
      '5.0',
      '0x5',
      'null',
      '٥',
    ]) {
      await refuses(400, `/v1/products?limit=${encodeURIComponent(limit)}`);
    }
    await refuses(400, '/v1/products?limit=5&limit=6');
    await refuses(400, '/v1/products?limit[]=5');
  });

  it('is a cursor that was changed, or of another user, route or filter', async () => {
    const first = await gateway.ask('/v1/orders?status=paid', { as: 'anna' });
    const cursor: string = first.body.nextCursor;
    assert.equal((await gateway.ask(`/v1/orders?status=paid&cursor=${cursor}`, { as: 'anna' })).status, 200);
    assert.equal(cursors.at(-1), ORDERS.nextCursor, 'the service receives its own cursor');
    await refuses(400, `/v1/orders?status=paid&cursor=${cursor}`, { as: 'boris' });
    await refuses(400, `/v1/orders?status=new&cursor=${cursor}`);
    await refuses(400, `/v1/orders?cursor=${cursor}`);
    await refuses(400, `/v1/products?cursor=${cursor}`);
    await refuses(400, `/v1/notifications?cursor=${cursor}`);
    // The same person and the same query, but another route.
    const unfiltered: string = (await gateway.ask('/v1/orders', { as: 'admin' })).body.nextCursor;
    for (const path of ['/v1/notifications', '/v1/users']) {
      await refuses(400, `${path}?cursor=${unfiltered}`, { as: 'admin' });
    }
    for (let index = 0; index < cursor.length; index++) {
      const other = cursor[index] === 'A' ? 'B' : 'A';
      await refuses(400, `/v1/orders?status=paid&cursor=${cursor.slice(0, index)}${other}${cursor.slice(index + 1)}`);
    }
    for (const strange of [
      '',
      'A',
      `${cursor}=`,
      `${cursor}A`,
      cursor.slice(0, -1),
      ORDERS.nextCursor,
      '*'.repeat(513),
    ]) {
      await refuses(400, `/v1/orders?status=paid&cursor=${encodeURIComponent(strange)}`);
    }
  });

  it('links the next page of the same list', async () => {
    const { headers, body } = await gateway.ask('/v1/products?name=a%20%26%22b&limit=7');
    assert.equal(headers.link, `</v1/products?name=a+%26%22b&limit=7&cursor=${body.nextCursor}>; rel="next"`);
    const [, path = ''] = /<(.*)>/.exec(String(headers.link)) ?? [];
    assert.equal((await gateway.ask(path)).status, 200);
  });

  it('is no name with signs of patterns: they reach the service as they are', async () => {
    for (const name of ['%', '_', '\\', "'; DROP TABLE products; --", '%%__\\']) {
      assert.equal((await gateway.ask(`/v1/products?name=${encodeURIComponent(name)}`)).status, 200);
      assert.equal(names.at(-1), name);
    }
  });

  it('is a name of 10 KB', async () => {
    await refuses(400, `/v1/products?name=${'x'.repeat(10_000)}`);
  });

  it('is an id in another spelling, or with something behind it', async () => {
    const ids = [
      'abc',
      '-1',
      '+1',
      '01',
      '1.0',
      '1e3',
      '0x1',
      '1%00',
      '1%2F',
      '1%0a',
      '1;x',
      '1%20',
      '٣',
      '9223372036854775808',
      '%2e%2e',
      '1'.repeat(200),
    ];
    for (const id of ids) {
      await refuses(404, `/v1/orders/${id.replace('٣', '%D9%A3')}`);
      await refuses(404, `/v1/products/${id.replace('٣', '%D9%A3')}`);
    }
    for (const path of [
      '/v1/orders/1/',
      '/v1/orders/1/pay/x',
      '/v1//orders',
      '/V1/orders',
      '/v1/Orders',
      '/v1/orders%2F1',
      '/v2/orders',
      '/v1/products/1/../2',
    ]) {
      await refuses(404, path);
    }
    await refuses(400, '/v1/orders/%');
    await refuses(400, '/v1/orders/%FF');
  });

  it('is a query that is no percent-encoded UTF-8', async () => {
    for (const query of ['name=%', 'name=%zz', 'name=%FF', 'name=%ED%A0%80', '%C0%AE=1']) {
      await refuses(400, `/v1/products?${query}`);
    }
  });

  it('is an address that leads out of the files of the docs page', async () => {
    for (const path of ['../../package.json', '%2e%2e/%2e%2e/package.json', '..%2f..%2fpackage.json', '%00', 'x']) {
      const { status, text } = await gateway.ask(`/docs/static/${path}`);
      assert.ok(status === 400 || status === 404, `${path}: ${status} ${text}`);
    }
  });

  it('is an address that does not exist, whatever comes with it', async () => {
    for (const method of ['POST', 'PATCH', 'QUERY']) {
      await refuses(404, '/v1/nowhere', { method });
      await refuses(404, '/v1/nowhere', { method, body: 'no JSON', headers: { 'content-type': 'text/plain' } });
    }
    await refuses(405, '/v1/products', { method: 'QUERY' });
  });

  it('is a body of another type, form, size or depth', async () => {
    const post = (asked: Asked, status: number) => refuses(status, '/v1/cart/items', { method: 'POST', ...asked });
    const body = '{"sku":1,"count":1}';
    for (const type of [
      'text/plain',
      'application/xml',
      'application/x-www-form-urlencoded',
      'application/json; charset=latin1',
      'multipart/form-data; boundary=x',
      'json',
    ]) {
      await post({ body, headers: { 'content-type': type } }, 415);
    }
    await post({ body, headers: { 'content-encoding': 'gzip' } }, 415);
    await post({ body: '' }, 400);
    for (const text of [
      '{',
      'null',
      '[]',
      '1',
      '"x"',
      '{"sku":1,"count":1}x',
      '{sku:1}',
      "{'sku':1}",
      '{"sku":01,"count":1}',
    ]) {
      await post({ body: text }, 400);
    }
    await post({ body: `${'['.repeat(2_000)}${']'.repeat(2_000)}` }, 400);
    await post({ body: `{"sku":1,"count":${'9'.repeat(30_000)}}` }, 400);
    await post({ body: JSON.stringify('x'.repeat(70_000)) }, 413);
    await post({ body: JSON.stringify(Array.from({ length: 5_000 }, () => 1)) }, 400);
    await post({ body: '{"sku":1e400,"count":1}' }, 400);
    await post({ body: '{"sku":1.5,"count":1}' }, 400);
    await post({ body: '{"sku":4294967296,"count":1}' }, 400);
    await post({ body: '{"sku":1,"count":65536}' }, 400);
    await post({ body: '{"sku":"1","count":1}' }, 400);
  });

  it('is a body where none belongs', async () => {
    await refuses(400, '/v1/me', { body: {} });
    await refuses(400, '/v1/orders/1/pay', { method: 'POST', body: { amount: 0 } });
    await refuses(400, '/v1/cart/items/1', { method: 'DELETE', body: { count: 1 } });
  });

  it('is a purchase without a key, or with one that is none', async () => {
    const purchase = (key?: string | string[]) =>
      refuses(400, '/v1/cart/purchase', {
        method: 'POST',
        headers: key === undefined ? {} : { 'idempotency-key': key },
      });
    assert.equal((await purchase()).body.error.reason, 'idempotency_key_required');
    for (const key of ['', '"open', '"a"; b', 'x'.repeat(256), ['one', 'two'], ['one', 'one']]) await purchase(key);
  });

  it('has another request id than its own only in the accepted form', async () => {
    const ids = { 'a-1.b:c@d/e+f=_': true, 'a b': false, '': false, ['x'.repeat(129)]: false, '<script>': false };
    for (const [id, isAccepted] of Object.entries(ids)) {
      const { headers, body } = await gateway.ask('/v1/me', { headers: { 'x-request-id': id } });
      assert.equal(headers['x-request-id'] === id, isAccepted);
      assert.equal(body.error.requestId, headers['x-request-id']);
    }
  });

  it('is answered as application/problem+json when the client asks for it', async () => {
    const accepts = {
      'application/problem+json': true,
      'application/problem+json, application/json;q=0.5': true,
      'application/json, application/problem+json;q=0.5': false,
      'application/problem+json;q=0': false,
      '*/*': false,
    };
    for (const [accept, isProblem] of Object.entries(accepts)) {
      const { headers, body, status } = await gateway.ask('/v1/nowhere', { headers: { accept } });
      assert.equal(headers['content-type'], isProblem ? 'application/problem+json' : 'application/json', accept);
      assert.equal(status, 404);
      if (!isProblem) continue;
      const { detail, requestId, ...facts } = body;
      assert.deepEqual(facts, { type: 'about:blank', title: 'Not Found', status: 404, code: 'not_found' });
    }
  });

  it('never leaves with what a service said of its inside', async () => {
    const { status, text, headers } = await gateway.ask('/v1/cart', { as: 'anna' });
    assert.equal(status, 503);
    assert.equal(headers['retry-after'], '1');
    assert.doesNotMatch(text, /10\.0\.0\.7|checkout/);
    assert.ok(
      gateway.log.some((line) => line.includes('10.0.0.7')),
      'the log has the cause',
    );
  });
});
