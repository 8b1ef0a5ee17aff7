import assert from 'node:assert/strict';
import { createTestDatabase, type TestDatabase } from 'testing';
import { newUser, post, type RunningCheckout, startCheckout } from './checkout-fixture.ts';
import { refuse } from './fake-loms.ts';
import { USUAL_PRICE } from './fake-products.ts';

describe('the JSON text of checkout', () => {
  let testDatabase: TestDatabase;
  let running: RunningCheckout;

  before(async () => {
    testDatabase = await createTestDatabase('checkout');
    running = await startCheckout(testDatabase.url);
  });

  after(async () => {
    await running[Symbol.asyncDispose]();
    await testDatabase[Symbol.asyncDispose]();
  });

  beforeEach(() => {
    running.recover();
  });

  const send = (method: string, body: string, headers = {}) => post(running, method, body, headers);

  for (const user of ['9223372036854775807', '-9223372036854775808', '0', '-1']) {
    it(`keeps every digit of user ${user}, from the cart to the order`, async () => {
      const sent = `{"user":${user},"sku":4294967295,"count":65535}`;
      assert.deepEqual(await send('addToCart', sent).then(({ status, text }) => [status, text]), [200, '{}']);
      const line = `{"sku":4294967295,"count":65535,"name":"Товар 4294967295","price":${USUAL_PRICE}}`;
      const cart = await send('listCart', `{"user":${user}}`);
      assert.equal(cart.text, `{"items":[${line}],"totalPrice":6553500}`);
      const bought = await send('purchase', `{"user":${user}}`);
      const [order] = running.loms.ordersOf(BigInt(user));
      assert.deepEqual(order?.items, [{ sku: 4_294_967_295, count: 65_535 }]);
      assert.equal(bought.text, `{"orderID":${order.orderID}}`);
      assert(order.orderID > Number.MAX_SAFE_INTEGER);
    });
  }

  it('distinguishes users that are equal as doubles', async () => {
    await send('addToCart', '{"user":9007199254740993,"sku":1,"count":1}');
    assert.equal((await send('listCart', '{"user":9007199254740992}')).text, '{"items":[],"totalPrice":0}');
  });

  for (const [what, params] of [
    ['a user beyond int64', '"user":9223372036854775808,"sku":1,"count":1'],
    ['a user with a fraction', '"user":1.5,"sku":1,"count":1'],
    ['a user in quotes', '"user":"1","sku":1,"count":1'],
    ['a sku below 0', '"user":1,"sku":-1,"count":1'],
    ['a sku beyond uint32', '"user":1,"sku":4294967296,"count":1'],
    ['a count of nothing', '"user":1,"sku":1,"count":0'],
    ['a count beyond uint16', '"user":1,"sku":1,"count":65536'],
    ['a param too many', '"user":1,"sku":1,"count":1,"price":1'],
    ['no count', '"user":1,"sku":1'],
  ] as const) {
    it(`refuses ${what} as invalid params`, async () => {
      for (const method of ['addToCart', 'deleteFromCart']) {
        const { status, text } = await send(method, `{${params}}`);
        assert.equal(status, 400);
        assert.equal(JSON.parse(text).error.code, 'invalid_params');
      }
    });
  }

  it('refuses an empty or too long idempotency key, and accepts the longest', async () => {
    for (const [length, status] of [
      [0, 400],
      [255, 412],
      [256, 400],
    ] as const) {
      const key = 'ё'.repeat(length);
      assert.equal((await send('purchase', `{"user":1,"idempotencyKey":"${key}"}`)).status, status);
    }
  });

  it('accepts the idempotency key from the header too', async () => {
    const user = newUser();
    const key = { 'idempotency-key': `header-${user}` };
    await send('addToCart', `{"user":${user},"sku":1,"count":1}`);
    const first = await send('purchase', `{"user":${user}}`, key);
    assert.equal(first.status, 200);
    assert.equal((await send('purchase', `{"user":${user}}`, key)).text, first.text);
    assert.equal((await send('purchase', `{"user":${user},"idempotencyKey":"header-${user}"}`)).text, first.text);
  });

  it('returns shortages with every digit', async () => {
    const user = newUser();
    await send('addToCart', `{"user":${user},"sku":5,"count":3}`);
    running.loms.behaviour = refuse;
    const { status, text } = await send('purchase', `{"user":${user}}`);
    const failed = running.loms.orders.at(-1);
    assert.equal(status, 412);
    assert.match(text, /"code":"failed_precondition","reason":"out_of_stock"/);
    const details = `{"orderID":${failed?.orderID},"shortages":[{"sku":5,"requested":3,"available":0}]}`;
    assert(text.includes(`"details":${details}`), text);
  });

  it('returns the stock with every digit', async () => {
    running.loms.stock.set(6, 1n);
    const { status, text } = await send('addToCart', '{"user":7,"sku":6,"count":65535}');
    assert.equal(status, 412);
    assert(text.includes('"details":{"sku":6,"requested":65535,"available":1}'), text);
  });
});
