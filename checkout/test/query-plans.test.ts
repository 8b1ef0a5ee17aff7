import assert from 'node:assert/strict';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createOperationJournal, type Database, openDatabase, startForgetting } from 'service-kit';
import {
  createTestDatabase,
  itReadsByIndexOnly,
  lastOf,
  PLANNED_ORDERS,
  pretendRows,
  queryOn,
  type RanStatement,
  recordStatements,
  rolledBack,
  rowsReadBy,
  writePast,
} from 'testing';
import { createCartReader } from '../src/repository/carts.ts';
import { createUnfinishedPurchases, createUnsettledReader } from '../src/repository/purchases.ts';
import { createStore } from '../src/repository/store.ts';
import { eventually } from './checkout-fixture.ts';

/** Every statement that checkout has, but for the checks of its readiness and the ten rows of the limit that replicas share. */
const STATEMENTS = [
  'add cart line',
  'begin purchase',
  'claim unfinished purchases',
  'create cart',
  'delete held goods',
  'empty cart',
  'find cart line',
  'find pending purchase',
  'find purchase by key',
  'forget old operations',
  'list cart lines',
  'list purchase items',
  'lock cart',
  'put goods back',
  'read unsettled',
  'save operations',
  'settle purchase',
  'shrink cart line',
  'store purchase items',
];

/** The tables that grow with the number of users and calls. */
const TABLES = ['carts', 'cart_lines', 'purchases', 'purchase_items', 'operations'];

/** Few enough for every run, in which the planner takes them for a million; `ORDERS=1000000` writes all of these. */
const PURCHASES = Number(process.env.ORDERS ?? 20_000);
/** A limit against hanging, and not against a busy machine: to write the past takes seconds. */
const PAST_MAX_MS = 60_000 + 2 * PURCHASES;
/** One purchase in so many is pending, and backs off. */
const PENDING_EVERY = 200;
const logger = pino({ level: 'silent' });

/** A past: every user has made one purchase, has three things in the cart since, and what they did is in the journal. */
const pastOf = (first: number, last: number): readonly string[] => [
  `INSERT INTO carts SELECT user_id FROM generate_series(${first}, ${last}) user_id`,

  `INSERT INTO cart_lines
  SELECT user_id, (user_id + n) % 2000 + 1, 2 FROM generate_series(${first}, ${last}) user_id, generate_series(1, 3) n`,

  `INSERT INTO purchases (purchase_id, user_id, idempotency_key, state, order_id, settled_at, resume_at)
  SELECT gen_random_uuid(), user_id, 'key ' || user_id,
    CASE WHEN pending THEN 'pending' ELSE 'ordered' END,
    CASE WHEN NOT pending THEN user_id END,
    CASE WHEN NOT pending THEN now() END,
    now() + interval '1 hour'
  FROM (SELECT user_id, user_id % ${PENDING_EVERY} = 0 AS pending FROM generate_series(${first}, ${last}) user_id) past`,

  `INSERT INTO purchase_items (purchase_id, sku, count)
  SELECT purchase_id, (user_id + n) % 2000 + 1, 2 FROM purchases, generate_series(1, 3) n
  WHERE user_id BETWEEN ${first} AND ${last}`,

  `INSERT INTO operations (request_id, method, code, started_at, deadline_at, duration_ms)
  SELECT 'request ' || i, 'purchase', 'ok', now() - i * interval '1 second', now(), 5 FROM generate_series(${first}, ${last}) i`,
];

/** Runs each statement at least once, through the code that runs it in production. */
async function runEveryStatement(database: Database, statements: readonly RanStatement[]): Promise<void> {
  const context = new AbortController();
  const store = createStore(database);
  const user = -1n;
  const pending = await store.transaction(async ({ carts, purchases }) => {
    await carts.lock(user);
    await carts.add(user, { sku: 1, count: 2 });
    await carts.remove(user, { sku: 1, count: 1 });
    assert.equal(await purchases.findPending(user), undefined);
    return purchases.begin(user, 'a new key');
  });
  assert.ok(pending);
  await createCartReader(database).lines(user, context);
  await createUnsettledReader(database).read(100, context);
  await createUnfinishedPurchases(database).claim(20, context);
  await store.transaction(async ({ carts, purchases }) => {
    await purchases.findByKey(user, 'a new key');
    await carts.remove(user, { sku: 1, count: 1 });
    assert.ok(await purchases.settle(pending, { state: 'rejected' }));
  });
  await createOperationJournal(database).save({
    requestId: 'a request',
    method: 'purchase',
    caller: undefined,
    code: 'ok',
    reason: undefined,
    startedAt: new Date(),
    deadlineAt: new Date(),
    durationMs: 5,
  });
  await using _forgetting = startForgetting(database, 30, logger);
  await eventually(() => statements.some(({ name }) => name === 'forget old operations'));
}

describe('The statements of checkout', () => {
  const statements: RanStatement[] = [];
  let resources: AsyncDisposableStack;
  let beside: Database;

  before(async function () {
    this.timeout(PAST_MAX_MS);
    resources = new AsyncDisposableStack();
    const testDatabase = resources.use(await createTestDatabase('checkout'));
    beside = resources.use(openDatabase({ url: testDatabase.url, poolMax: 4, logger, registry: new Registry() }));
    await writePast(queryOn(beside), { orders: PURCHASES, tables: TABLES, statementsOf: pastOf });
    await runEveryStatement(recordStatements(beside, statements), statements);
    await pretendRows(testDatabase, PLANNED_ORDERS / PURCHASES);
  });

  after(() => resources.disposeAsync());

  const ran = () => statements;
  const statement = (name: string): RanStatement => lastOf(ran(), name);

  itReadsByIndexOnly({
    folder: 'checkout/src/repository',
    names: STATEMENTS,
    tables: TABLES,
    ran,
    trial: (work) => rolledBack(beside, work),
  });

  it('read only due purchases, however many others are settled or back off', async () => {
    const rows = await rolledBack(beside, async (query) => {
      const before = await rowsReadBy(query, statement('claim unfinished purchases'));
      await query(`UPDATE purchases SET resume_at = now() WHERE user_id IN (200, 400, 600)`);
      return [before, await rowsReadBy(query, statement('claim unfinished purchases'))];
    });
    const [before = Number.NaN, after = Number.NaN] = rows;
    assert.ok(before === 0 && after >= 3 && after < 50, `${before} and ${after} rows were read`);
  });

  it('read only expired operations', async () => {
    const rows = await rolledBack(beside, async (query) => {
      const before = await rowsReadBy(query, statement('forget old operations'));
      await query("UPDATE operations SET started_at = now() - interval '40 days' WHERE operation_id IN (3, 4, 5)");
      return [before, await rowsReadBy(query, statement('forget old operations'))];
    });
    const [before = Number.NaN, after = Number.NaN] = rows;
    assert.ok(before <= 2 && after > before && after < 50, `${before} and ${after} rows were read`);
  });
});
