import assert from 'node:assert/strict';
import { assertInvariants } from 'invariants';
import { loms } from 'loms/contract.ts';
import { startLoms } from 'loms/testing';
import pg from 'pg';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type Client, createClient, createHttpTransport } from 'rpc-kit';
import { openDatabase } from 'service-kit';
import { withSuperuser } from 'service-kit/provision';
import { failureOf, type OrderLoad, startOrderLoad } from '../../src/order-load.ts';
import { answerTo, eventually } from '../../src/patience.ts';
import { openSql, type Sql } from '../../src/sql.ts';
import { findTestPgbouncer } from '../../src/test-server.ts';
import { type MortalDatabase, startMortalDatabase } from './mortal-database.ts';

const SKU = 1_076_963;
const SUPPLY = 1_000_000;
/** As `default_pool_size` in pgbouncer/common.ini. */
const SERVER_CONNECTIONS = 20;
/** Two replicas with 10 connections each: as many as pgbouncer has itself. */
const REPLICAS = 2;
/** Limits against hanging. Recovery takes less than 10 s on a quiet machine; each test prints its duration. */
const RECOVERY_MAX_MS = 30_000;
const REFUSAL_MAX_MS = 15_000;
const TEST_TIMEOUT_MS = 120_000;
/** Allowed while the database is unavailable: refused, or unknown (an unanswered COMMIT, an expired deadline). */
const ALLOWED_CODES = ['unavailable', 'deadline_exceeded'];

interface Ground extends AsyncDisposable {
  readonly database: MortalDatabase;
  readonly clients: readonly Client<typeof loms.methods>[];
  readonly sql: Sql;
}

async function openGround(program: string): Promise<Ground> {
  await using resources = new AsyncDisposableStack();
  const database = resources.use(await startMortalDatabase(program));
  const sql = resources.use(openSql(database.superuserUrl));
  await sql(
    `INSERT INTO stocks (sku, warehouse_id, initial, supplied, on_sale) VALUES (${SKU}, 1, ${SUPPLY}, ${SUPPLY}, ${SUPPLY})`,
  );
  const clients = [];
  for (let replica = 0; replica < REPLICAS; replica += 1) {
    const options = { databaseUrl: database.url, notificationsUrl: 'http://127.0.0.1:9' };
    const { url } = resources.use(await startLoms(options, { publisher: () => ({ publish: async () => [] }) }));
    clients.push(createClient(loms, resources.use(createHttpTransport(url, { userAgent: 'tests' }))));
  }
  const owned = resources.move();
  return { database, clients, sql, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

describe('loms behind a pgbouncer', function () {
  this.timeout(TEST_TIMEOUT_MS);
  let ground: Ground;

  before(async () => {
    const program = findTestPgbouncer();
    assert.ok(program, 'without pgbouncer testing/src/run/test.ts leaves this file out');
    ground = await openGround(program);
  });

  after(async () => {
    await ground?.[Symbol.asyncDispose]();
  });

  /** Runs the fault under a load that has succeeded before, then checks the orders of the load. */
  async function underLoad(fault: (load: OrderLoad) => Promise<void>): Promise<void> {
    const { sql, clients } = ground;
    const ordersBefore = await countOrders(sql);
    const load = startOrderLoad(clients, SKU);
    await load.untilAllSucceed();
    await fault(load);
    const orders = await load.stop();
    for (const code of load.failures.keys()) assert.ok(ALLOWED_CODES.includes(code), code);
    assert.equal(new Set(orders).size, orders.length, 'no two keys are answered with the same order');
    assert.equal(await countOrders(sql), ordersBefore + orders.length, 'each key has made one order');
    await eventually('every event is delivered', async () => {
      return (await sql('SELECT FROM outbox WHERE delivered_at IS NULL LIMIT 1')).length === 0;
    });
    await assertInvariants({ loms: sql });
  }

  it('loses no order and creates none twice while pgbouncer is killed and restarted', async () => {
    await underLoad(async (load) => {
      await ground.database.pgbouncer.kill();
      await load.untilOneFails();
      await ground.database.pgbouncer.startAgain();
      await recovers('pgbouncer was killed', load);
    });
  });

  it('fails no call while pgbouncer renews its connections to Postgres', async () => {
    await underLoad(async (load) => {
      const before = await backends(ground.sql);
      await ground.database.runPgbouncerCommand('RECONNECT');
      await eventually('all connections are new ones', async () => {
        const now = await backends(ground.sql);
        return !before.some((pid) => now.includes(pid));
      });
      await recovers('RECONNECT', load);
      assert.equal(load.failures.get('unavailable'), undefined);
    });
  });

  for (const how of ['stop', 'kill'] as const) {
    it(`recovers soon after Postgres (${how}) restarts, with every order as it was answered`, async () => {
      await underLoad(async (load) => {
        await ground.database.postgres[how]();
        await load.untilOneFails();
        await ground.database.postgres.startAgain();
        await recovers(`Postgres was stopped (${how})`, load);
      });
    });
  }

  it('answers unavailable, in time, while all connections of pgbouncer are occupied, and accepts orders again afterwards', async () => {
    const { sql, clients, database } = ground;
    const [client] = clients;
    assert.ok(client);
    const order = { user: 1n, items: [{ sku: SKU, count: 1 }], idempotencyKey: 'while all is held' };
    await withSuperuser(database.superuserUrl, async (holder) => {
      await holder.query('SELECT pg_advisory_lock(1)');
      const held = await holdAllConnections(database.url, sql);
      try {
        await refuses('createOrder', () => client.createOrder(order));
        const reading = await failureOf(client.stocks({ sku: SKU }));
        assert.ok(ALLOWED_CODES.includes(reading.code), reading.code);
      } finally {
        await holder.query('SELECT pg_advisory_unlock(1)');
        await held.released;
      }
    });
    const { orderID } = await answerTo(() => client.createOrder(order));
    assert.equal((await answerTo(() => client.listOrder({ orderID }))).status, 'awaiting payment');
    await underLoad((load) => recovers('all connections were held', load));
  });

  // pgbouncer 1.18 exits when the client of a cancel request disconnects while the request is forwarded.
  it('survives statements that are cancelled while Postgres accepts no cancel requests', async () => {
    const { database, sql } = ground;
    const [logger, registry] = [pino({ level: 'silent' }), new Registry()];
    await using impatient = openDatabase({ url: database.url, poolMax: 1, logger, registry });
    const leaving = new AbortController();
    const statement = { toParam: () => ({ text: 'SELECT pg_sleep(60) AS to_be_cancelled', values: [] }) };
    const running = impatient.run('sleep', statement, { signal: leaving.signal });
    const asleep = "SELECT FROM pg_stat_activity WHERE query LIKE '%to_be_cancelled' AND wait_event = 'PgSleep'";
    await eventually('the statement is running', async () => (await sql(asleep)).length === 1);
    await database.postgres.pauseWhile(async () => {
      leaving.abort(new Error('its caller has left'));
      await assert.rejects(running, /its caller has left/);
    });
    await underLoad((load) => recovers('Postgres accepted no cancel requests', load));
  });
});

async function recovers(after: string, load: OrderLoad): Promise<void> {
  const tookMs = Math.round(await load.untilAllSucceed());
  const failures = [...load.failures].map(([code, count]) => `${count} × ${code}`).join(', ') || 'no call';
  console.log(`      ${after}: all buyers succeeded ${tookMs} ms after its restart; ${failures} failed meanwhile`);
  assert.ok(tookMs < RECOVERY_MAX_MS, `${tookMs} ms`);
}

/** Calls until the answer is `unavailable`; on a slow machine the deadline may expire before. */
async function refuses(name: string, call: () => Promise<unknown>): Promise<void> {
  await eventually(`${name} is refused`, async () => {
    const began = performance.now();
    const { code, retryAfterMs } = await failureOf(call());
    const tookMs = Math.round(performance.now() - began);
    console.log(`      all connections are held: ${name} answered ${code} after ${tookMs} ms`);
    assert.ok(ALLOWED_CODES.includes(code), code);
    assert.ok(tookMs < REFUSAL_MAX_MS, `${tookMs} ms`);
    return code === 'unavailable' && retryAfterMs !== undefined;
  });
}

async function countOrders(sql: Sql): Promise<number> {
  const [row] = await sql('SELECT count(*)::integer AS count FROM orders');
  return Number(row?.count);
}

async function backends(sql: Sql): Promise<unknown[]> {
  return (await sql("SELECT pid FROM pg_stat_activity WHERE usename = 'loms'")).map(({ pid }) => pid);
}

/** Occupies all connections of pgbouncer by transactions that wait for the test's lock, until it is released. */
async function holdAllConnections(url: string, sql: Sql): Promise<{ readonly released: Promise<unknown> }> {
  const clients = Array.from({ length: SERVER_CONNECTIONS }, () => new pg.Client({ connectionString: url }));
  const held = clients.map(async (client) => {
    await client.connect();
    // The role's timeouts would end them too early on a slow machine.
    await client.query('BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL transaction_timeout = 0');
    await client.query('SELECT pg_advisory_xact_lock_shared(1)');
    await client.query('COMMIT');
    await client.end();
  });
  const all = Promise.all(held);
  all.catch(() => {});
  const waiting = "SELECT FROM pg_stat_activity WHERE usename = 'loms' AND wait_event = 'advisory'";
  await eventually('every connection is held', async () => (await sql(waiting)).length === SERVER_CONNECTIONS);
  return { released: all };
}
