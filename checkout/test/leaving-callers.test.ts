import assert from 'node:assert/strict';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type Database, openDatabase, type Statement } from 'service-kit';
import { createTestDatabase, type TestDatabase } from 'testing';
import { eventually, fill, newUser, type RunningCheckout, startCheckout } from './checkout-fixture.ts';

describe('A caller that leaves checkout', () => {
  let testDatabase: TestDatabase;
  let beside: Database;
  let running: RunningCheckout;

  before(async () => {
    testDatabase = await createTestDatabase('checkout');
    beside = openDatabase({
      url: testDatabase.directUrl,
      poolMax: 2,
      logger: pino({ level: 'silent' }),
      registry: new Registry(),
    });
    running = await startCheckout(testDatabase.url);
  });

  after(async () => {
    await running[Symbol.asyncDispose]();
    await beside[Symbol.asyncDispose]();
    await testDatabase[Symbol.asyncDispose]();
  });

  const statement = (text: string): Statement => ({ toParam: () => ({ text, values: [] }) });

  function untilBlocked(count: number): Promise<void> {
    const blocked = `
      SELECT pid FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()`;
    return eventually(async () => (await beside.query(blocked)).length === count);
  }

  async function whileLocked(table: string, work: () => Promise<void>): Promise<void> {
    await beside.transaction(async (holder) => {
      await holder.run('lock', statement(`LOCK TABLE ${table}`));
      await work();
    });
  }

  function ask(method: string, body: string, signal: AbortSignal): Promise<unknown> {
    const headers = { 'content-type': 'application/json', 'x-deadline-ms': '60000' };
    return fetch(`${running.url}/${method}`, { method: 'POST', body, headers, signal }).catch((error) => error);
  }

  it('while its cart is read cancels the statement, and no product is requested', async () => {
    const user = newUser();
    await fill(running, user, { 1: 1, 2: 1 });
    const caller = new AbortController();
    await whileLocked('cart_lines', async () => {
      const leaving = ask('listCart', `{"user":${user}}`, caller.signal);
      await untilBlocked(1);
      caller.abort();
      await leaving;
      await untilBlocked(0);
    });
    // The next call has found out by its answer what the first one would have asked for by now.
    await running.client.addToCart({ user, sku: 3, count: 1 });
    assert.deepEqual(running.products.requests, []);
  });

  it('while its cart is changed leaves it as it was', async () => {
    const user = newUser();
    await fill(running, user, { 1: 1 });
    const caller = new AbortController();
    await whileLocked('cart_lines', async () => {
      const leaving = ask('addToCart', `{"user":${user},"sku":1,"count":2}`, caller.signal);
      await untilBlocked(1);
      caller.abort();
      await leaving;
      await untilBlocked(0);
    });
    const { items } = await running.client.listCart({ user });
    assert.deepEqual(
      items.map(({ sku, count }) => [sku, count]),
      [[1, 1]],
    );
  });

  it('before its purchase is recorded makes none', async () => {
    const user = newUser();
    await fill(running, user, { 1: 1 });
    const caller = new AbortController();
    await whileLocked('purchases', async () => {
      const leaving = ask('purchase', `{"user":${user}}`, caller.signal);
      await untilBlocked(1);
      caller.abort();
      await leaving;
      await untilBlocked(0);
    });
    assert.equal(await running.isPending(user), false);
    assert.deepEqual(running.loms.ordersOf(user), []);
  });

  it('may be its background, which stops while it waits for the purchases', async () => {
    await whileLocked('purchases', async () => {
      const stopping = await startCheckout(testDatabase.url, { beside: running, background: 'on' });
      await untilBlocked(1);
      const toldAt = performance.now();
      await stopping[Symbol.asyncDispose]();
      const tookMs = performance.now() - toldAt;
      // The database itself ends a statement after 4.5 s.
      assert(tookMs < 4_000, `it took ${tookMs} ms to stop`);
      await untilBlocked(0);
    });
  });
});
