import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { after, before } from 'mocha';
import { eventually } from '../../src/index.ts';
import { PASSWORD } from './people.ts';
import { openShop, type Shop, type Shopper } from './shop.ts';

const ITEM_KEYS = ['count', 'name', 'price', 'sku'];

describe('The REST API of a running mesh', () => {
  let shop: Shop;
  let anna: Shopper;
  let boris: Shopper;
  let admin: Shopper;
  let sku: number;
  before(async () => {
    shop = await openShop();
    [anna, boris, admin] = await Promise.all([shop.register(), shop.register(), shop.admin()]);
    sku = await shop.addProduct(admin, 10_000);
  });
  after(() => shop[Symbol.asyncDispose]());

  const order = (of: Shopper, items = [{ sku, count: 1 }], key: string = randomUUID()) =>
    of.ask('/v1/orders', { method: 'POST', headers: { 'idempotency-key': key }, body: { items } });

  it('sells: list, cart, purchase, pay, my orders, notifications', async () => {
    const listed = await shop.ask('/v1/products?name=ENAMEL');
    assert.ok(listed.body.items.some((product: { sku: number }) => product.sku === sku));
    assert.equal((await anna.ask('/v1/cart/items', { method: 'POST', body: { sku, count: 3 } })).status, 204);
    assert.equal((await anna.ask(`/v1/cart/items/${sku}?count=1`, { method: 'DELETE' })).status, 204);
    const cart = await anna.ask('/v1/cart');
    assert.deepEqual(cart.body, { items: [{ sku, count: 2, name: 'Enamel kettle', price: 1990 }], totalPrice: 3980 });
    const bought = await anna.ask('/v1/cart/purchase', { method: 'POST', headers: { 'idempotency-key': 'walk' } });
    assert.equal(bought.status, 201, bought.text);
    const { orderID } = bought.body;
    assert.equal(bought.headers.location, `/v1/orders/${orderID}`);
    assert.deepEqual(Object.keys(bought.body).sort(), ['createdAt', 'items', 'orderID', 'status']);
    assert.deepEqual(Object.keys(bought.body.items[0]).sort(), ITEM_KEYS);
    const paid = await anna.ask(`/v1/orders/${orderID}/pay`, { method: 'POST' });
    assert.deepEqual([paid.status, paid.body.status], [200, 'paid']);
    const shown = await anna.ask(`/v1/orders/${orderID}`);
    assert.deepEqual(shown.body, paid.body);
    assert.equal((await anna.ask(`/v1/orders/${orderID}/cancel`, { method: 'POST' })).status, 409);
    const mine = await anna.ask('/v1/orders?status=paid');
    assert.deepEqual(
      mine.body.items.map((one: { orderID: string }) => one.orderID),
      [orderID],
    );
    await eventually('the notification of the payment', async () => {
      const { body } = await anna.ask('/v1/notifications');
      return body.items.some(
        (one: { orderID: string; status: string }) => one.orderID === orderID && one.status === 'paid',
      );
    });
  });

  it("answers another user's order and session like an unknown one, and shows no one else's lists", async () => {
    const { body } = await order(anna);
    const bare = ({ status, body: { error } }: Awaited<ReturnType<typeof order>>, id: string) => {
      const { requestId, ...facts } = error;
      return JSON.stringify([status, facts]).replaceAll(id, 'the id');
    };
    for (const [method, path] of [
      ['GET', ''],
      ['POST', '/pay'],
      ['POST', '/cancel'],
    ] as const) {
      const anothers = await boris.ask(`/v1/orders/${body.orderID}${path}`, { method });
      const unknown = await boris.ask(`/v1/orders/9000000000000000000${path}`, { method });
      assert.equal(bare(anothers, body.orderID), bare(unknown, '9000000000000000000'));
      assert.equal(anothers.status, 404);
    }
    assert.equal((await anna.ask(`/v1/orders/${body.orderID}`)).body.status, 'awaiting_payment');
    assert.equal((await admin.ask(`/v1/orders/${body.orderID}`)).status, 200);
    for (const path of ['/v1/orders', '/v1/notifications'])
      assert.deepEqual((await boris.ask(path)).body, { items: [] });
    const { body: sessions } = await anna.ask('/v1/me/sessions');
    const [{ sessionID }] = sessions.items;
    assert.equal((await boris.ask(`/v1/me/sessions/${sessionID}`, { method: 'DELETE' })).status, 404);
    assert.equal((await boris.ask(`/v1/me/sessions/${randomUUID()}`, { method: 'DELETE' })).status, 404);
    assert.equal((await anna.ask('/v1/me')).status, 200);
  });

  it('shows no member of an account beyond its contract', async () => {
    const { body } = await anna.ask('/v1/me');
    assert.deepEqual(Object.keys(body).sort(), ['createdAt', 'email', 'id', 'role']);
    const users = await admin.ask('/v1/users?limit=1');
    assert.deepEqual(Object.keys(users.body.items[0]).sort(), ['createdAt', 'disabled', 'email', 'id', 'role']);
    const login = await shop.ask('/v1/auth/login', { method: 'POST', body: { email: anna.email, password: PASSWORD } });
    const keys = ['accessToken', 'expiresIn', 'refreshToken', 'tokenType', 'user'];
    assert.deepEqual(Object.keys(login.body).sort(), keys);
    assert.equal(login.headers['cache-control'], 'no-store');
  });

  it('pages through orders, none twice and none lost, while new ones arrive', async () => {
    const buyer = await shop.register();
    const made: string[] = [];
    for (let count = 1; count <= 7; count++) made.push((await order(buyer)).body.orderID);
    const seen: string[] = [];
    let path: string | undefined = '/v1/orders?limit=2';
    while (path !== undefined) {
      const { body, headers } = await buyer.ask(path);
      seen.push(...body.items.map((one: { orderID: string }) => one.orderID));
      await order(buyer);
      path = /<(.*)>/.exec(String(headers.link ?? ''))?.[1];
    }
    assert.deepEqual(seen, made.toReversed());
  });

  it('takes signs of patterns in a name literally', async () => {
    const odd = await shop.addProduct(admin, 0, '100%_wool\\');
    for (const name of ['100%_', '%_w', 'wool\\']) {
      const { body } = await shop.ask(`/v1/products?name=${encodeURIComponent(name)}`);
      assert.deepEqual(
        body.items.map((one: { sku: number }) => one.sku),
        [odd],
        name,
      );
    }
    assert.deepEqual((await shop.ask('/v1/products?name=1__%25')).body.items, []);
  });

  it('has one effect for one Idempotency-Key, also at the same time, and another one for another user', async () => {
    const key = randomUUID();
    const answers = await Promise.all(Array.from({ length: 10 }, () => order(anna, undefined, key)));
    for (const { status, text } of answers) assert.ok(status === 201 || status === 409, text);
    const again = await order(anna, undefined, key);
    const ids = new Set([...answers, again].filter(({ status }) => status === 201).map(({ body }) => body.orderID));
    assert.equal(ids.size, 1);
    const other = await order(anna, [{ sku, count: 2 }], key);
    assert.deepEqual([other.status, other.body.error.reason], [422, 'idempotency_conflict']);
    const ofBoris = await order(boris, undefined, key);
    assert.equal(ofBoris.status, 201);
    assert.ok(!ids.has(ofBoris.body.orderID));
  });

  it('lets one of two admins who have read the same version change it', async () => {
    const changed = await shop.addProduct(admin, 0);
    const { headers } = await shop.ask(`/v1/products/${changed}`);
    const put = (price: number, tag = String(headers.etag)) =>
      admin.ask(`/v1/products/${changed}`, {
        method: 'PUT',
        headers: { 'if-match': tag },
        body: { name: 'Kettle', price },
      });
    const both = await Promise.all([put(1), put(2)]);
    assert.deepEqual(both.map(({ status }) => status).sort(), [200, 412]);
    assert.equal((await put(3, `W/${headers.etag}`)).status, 412);
    const archived = await admin.ask(`/v1/products/${changed}`, { method: 'DELETE', headers: { 'if-match': '"2"' } });
    assert.equal(archived.status, 204);
    assert.equal((await shop.ask(`/v1/products/${changed}`)).body.archived, true);
    const stale = await put(4, '"3"');
    assert.deepEqual([stale.status, stale.body.error.reason], [409, 'product_archived']);
  });

  it('never sells more than there is to buyers at the same moment', async () => {
    const scarce = await shop.addProduct(admin, 5);
    const buyers = await Promise.all(Array.from({ length: 4 }, () => shop.register()));
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) => order(buyers[index % 4] as Shopper, [{ sku: scarce, count: 1 }])),
    );
    const statuses = answers.map(({ status }) => status);
    assert.equal(statuses.filter((status) => status === 201).length, 5);
    assert.equal(statuses.filter((status) => status === 409).length, 7);
    const refused = answers.find(({ status }) => status === 409);
    assert.equal(refused?.body.error.reason, 'out_of_stock');
    assert.equal(typeof refused?.body.error.details.orderID, 'string');
  });

  it('believes no header about who asks', async () => {
    const headers = {
      'x-user-id': admin.id,
      'x-user': admin.id,
      'x-role': 'admin',
      'x-forwarded-user': admin.email,
      'x-deadline-ms': '0',
      baggage: 'user=1',
    };
    assert.equal((await shop.ask('/v1/me', { headers })).status, 401);
    const { body } = await anna.ask('/v1/me', { headers });
    assert.equal(body.id, anna.id);
    assert.equal((await anna.ask('/v1/users', { headers })).status, 403);
  });

  it('refuses requests that two servers may understand differently, and bytes that are none, in the one shape', async () => {
    const attempts = {
      'two lengths':
        'POST /v1/cart/items HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}',
      'a length and chunks':
        'POST /v1/cart/items HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'a coding that hides chunked':
        'POST /v1/cart/items HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
      'no Host': 'GET /v1/products HTTP/1.1\r\n\r\n',
      'two Hosts': 'GET /v1/products HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n',
      'a space before the colon': 'GET /v1/products HTTP/1.1\r\nHost : localhost\r\n\r\n',
      'a bare carriage return in a request id':
        'GET /v1/products HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a\rSet-Cookie: b\r\n\r\n',
      'a folded header': 'GET /v1/products HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a\r\n b: c\r\n\r\n',
      'no HTTP': 'hello\r\n\r\n',
    };
    for (const [what, bytes] of Object.entries(attempts)) {
      const answer = await answerTo(shop.url, bytes);
      // 401: what the headers say comes before what is wrong with the body, and these requests carry no token.
      assert.match(answer, /^HTTP\/1\.1 (400|401|501) /, `${what}: ${answer}`);
      assert.match(answer, /\{"error":\{"code":"\w+","message":"[^"]+","requestId":"[\w-]+"\}\}/, what);
      assert.doesNotMatch(answer, /\r\nset-cookie/i);
    }
  });

  it('stays up while a service does not answer: its routes say so, and the others serve', async () => {
    process.kill(shop.mesh.pids.notifications, 'SIGSTOP');
    try {
      const { status, body, headers } = await anna.ask('/v1/notifications');
      assert.ok(status === 503 || status === 504, String(status));
      assert.match(body.error.code, /^(unavailable|deadline_exceeded)$/);
      if (status === 503) assert.ok(Number(headers['retry-after']) >= 1);
      assert.equal((await anna.ask('/v1/orders')).status, 200);
      assert.equal((await shop.ask('/v1/products')).status, 200);
      assert.equal((await shop.ask('/readyz')).status, 200);
    } finally {
      process.kill(shop.mesh.pids.notifications, 'SIGCONT');
    }
    await eventually('notifications answer again', async () => (await anna.ask('/v1/notifications')).status === 200);
  });

  it('counts requests by the pattern of their route, and publishes the keys of its tokens', async () => {
    const { text } = await shop.ask('/metrics');
    assert.match(
      text,
      /^http_requests_total\{verb="GET",route="\/v1\/orders\/\{id\}",status="404",service="gateway"\} \d+$/m,
    );
    assert.match(text, /^http_request_duration_seconds_count\{.*route="\/v1\/orders".*\} \d+$/m);
    assert.doesNotMatch(text, /9000000000000000000/);
    const { body, headers } = await shop.ask('/.well-known/jwks.json');
    assert.match(String(headers['content-type']), /^application\/jwk-set\+json/);
    for (const key of body.keys) assert.deepEqual([key.alg, key.d], ['ES256', undefined]);
  });
});

/** Sends bytes as they are, and reads the answer to the end of its error. */
async function answerTo(url: string, bytes: string): Promise<string> {
  const { port, hostname } = new URL(url);
  const socket = connect({ port: Number(port), host: hostname });
  const { promise: answered, resolve } = Promise.withResolvers<string>();
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
    if (answer.endsWith('}}')) resolve(answer);
  });
  socket.once('close', () => resolve(answer));
  socket.on('error', () => {});
  socket.write(bytes);
  await answered;
  socket.destroy();
  return answer;
}
