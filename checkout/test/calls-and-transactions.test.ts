import assert from 'node:assert/strict';
import { RpcError } from 'rpc-kit';
import { type Database, sql } from 'service-kit';
import { createTestDatabase, type TestDatabase } from 'testing';
import { checkout } from '../contract.ts';
import { cartOf, fill, newUser, post, type RunningCheckout, startCheckout } from './checkout-fixture.ts';
import { answer } from './fake-loms.ts';
import { failureOf } from './port-stubs.ts';

describe('checkout beside its database', () => {
  let testDatabase: TestDatabase;
  let running: RunningCheckout;
  let user: bigint;

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
    user = newUser();
  });

  /** Transactions that wait for their client. */
  async function idleTransactions(database: Database): Promise<number> {
    const activity = "datname = current_database() AND state LIKE 'idle in transaction%'";
    return (await database.query(`SELECT pid FROM pg_stat_activity WHERE ${activity}`)).length;
  }

  it('has no transaction open during a call to loms or the product service', async () => {
    const seen: [string, number][] = [];
    const look = async (method: string): Promise<void> => {
      seen.push([method, await idleTransactions(running.database)]);
    };
    running.loms.onCall = look;
    running.products.onCall = ({ method }) => look(method);
    await fill(running, user, { 1: 1 });
    await running.client.listCart({ user });
    running.loms.behaviour = async () => {
      throw new RpcError('unavailable', 'out for a moment');
    };
    await failureOf(running.client.purchase({ user }));
    running.loms.behaviour = answer;
    await running.resume(user);
    await running.client.deleteFromCart({ user, sku: 1, count: 1 });
    assert.deepEqual(seen, [
      ['stocks', 0],
      ['get_product', 0],
      ['createOrder', 0],
      ['createOrder', 0],
    ]);
  });

  it('would be detected with an open transaction', async () => {
    await running.database.transaction(async (transaction) => {
      await transaction.run('test', sql.select().from('carts').limit(1));
      assert.equal(await idleTransactions(running.database), 1);
    });
  });

  it('starts no work for an expired call', async () => {
    const before = running.loms.requests.length;
    await fill(running, user, { 1: 1 });
    for (const method of Object.keys(checkout.methods)) {
      const params = method.endsWith('Cart') && method !== 'listCart' ? `,"sku":1,"count":1` : '';
      const { status, text } = await post(running, method, `{"user":${user}${params}}`, { 'x-deadline-ms': '0' });
      assert.equal(status, 504);
      assert.equal(JSON.parse(text).error.code, 'deadline_exceeded');
    }
    assert.equal(running.loms.requests.length, before);
    assert.equal(await running.isPending(user), false);
    assert.deepEqual(await cartOf(running, user), { 1: 1 });
  });

  describe('when that is down', () => {
    let down: RunningCheckout;

    before(async () => {
      const nowhere = new URL(testDatabase.url);
      // No process listens on the discard port.
      nowhere.port = '9';
      down = await startCheckout(nowhere.href, { beside: running, background: 'on' });
    });

    after(async () => {
      await down[Symbol.asyncDispose]();
    });

    for (const [method, params] of [
      ['addToCart', '"user":1,"sku":1,"count":1'],
      ['deleteFromCart', '"user":1,"sku":1,"count":1'],
      ['listCart', '"user":1'],
      ['purchase', '"user":1'],
    ] as const) {
      it(`answers ${method} with unavailable and Retry-After, and reveals nothing internal`, async () => {
        const { status, text, headers } = await post(down, method, `{${params}}`);
        assert.equal(status, 503);
        assert.equal(headers.get('retry-after'), '1');
        const { error } = JSON.parse(text);
        assert.deepEqual(Object.keys(error).toSorted(), ['code', 'message', 'requestId', 'retryAfterMs']);
        assert.equal(error.code, 'unavailable');
        assert.doesNotMatch(error.message, /\d|ECONN|postgres/i);
      });
    }

    it('requests no order from loms', async () => {
      const before = running.loms.requests.length;
      await failureOf(down.client.purchase({ user }));
      assert.equal(running.loms.requests.length, before);
    });
  });
});
