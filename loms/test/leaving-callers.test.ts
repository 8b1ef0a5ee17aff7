import assert from 'node:assert/strict';
import type { RpcError } from 'rpc-kit';
import { eventually, type Loms, outcomeOf, withLoms } from './loms-fixture.ts';

const SKU = 1_076_963;
const order = { user: 1n, items: [{ sku: SKU, count: 2 }], idempotencyKey: 'left' };

/** What waits for a lock in this database. */
const BLOCKED = `
  SELECT query FROM pg_stat_activity
  WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()`;

/** Waits until so many statements wait for a lock. */
function untilBlocked({ query }: Loms, count: number): Promise<unknown> {
  return eventually(
    `${count} statements wait for a lock`,
    () => query(BLOCKED),
    (rows) => rows.length === count,
  );
}

/** How the statement of this name ended last. */
function lastEnd({ statements }: Loms, ...names: string[]): unknown {
  return statements.findLast((ran) => names.includes(ran.name))?.error;
}

describe('A caller that leaves loms', () => {
  it(
    'takes an order along that waits for its goods: nothing of it stays, and its connection serves the next one',
    withLoms(
      async (loms) => {
        await loms.supply(SKU, { 1: 5 });
        const caller = new AbortController();
        await loms.trial(async (query) => {
          await query('SELECT sku FROM stocks FOR UPDATE');
          const leaving = outcomeOf(loms.client.createOrder(order, { signal: caller.signal, timeoutMs: 60_000 }));
          await untilBlocked(loms, 1);
          caller.abort();
          const { error } = (await leaving) as { error: RpcError };
          assert.equal(error.code, 'cancelled');
          await untilBlocked(loms, 0);
          const [left] = await loms.query(`
            SELECT (SELECT count(*) FROM orders) AS orders, (SELECT count(*) FROM idempotency_keys) AS keys,
              (SELECT count(*) FROM outbox) AS events`);
          assert.deepEqual(left, { orders: 0n, keys: 0n, events: 0n });
        });
        assert.equal((lastEnd(loms, 'lock stocks') as RpcError).code, 'cancelled');
        assert.deepEqual(await loms.stocksOf(SKU), { 1: '5/0/0' });
        await loms.client.createOrder(order, { timeoutMs: 10_000 });
        assert.deepEqual(await loms.stocksOf(SKU), { 1: '3/2/0' });
      },
      // None to spare: a connection that was not given back would be missed.
      { poolMax: 1 },
    ),
  );

  it(
    'takes a read along that runs out of time',
    withLoms(async (loms) => {
      await loms.trial(async (query) => {
        await query('LOCK TABLE stocks');
        const { error } = (await outcomeOf(loms.client.stocks({ sku: SKU }))) as { error: RpcError };
        assert.equal(error.code, 'deadline_exceeded');
        await untilBlocked(loms, 0);
      });
      assert.equal((lastEnd(loms, 'stocks on sale') as RpcError).code, 'deadline_exceeded');
    }),
  );

  for (const [table, ...names] of [
    ['outbox', 'claim events'],
    ['orders', 'list overdue orders', 'read next due order'],
  ] as const) {
    it(
      `may be its background, stopped while it waits: ${names.join(' or ')}`,
      withLoms(async (loms) => {
        await loms.trial(async (query) => {
          await query(`LOCK TABLE ${table}`);
          await untilBlocked(loms, 1);
          await loms.first[Symbol.asyncDispose]();
        });
        // Not by the time limit of a statement, which would be a failure of the database.
        assert.equal((lastEnd(loms, ...names) as Error).name, 'AbortError');
      }),
    );
  }
});
