import assert from 'node:assert/strict';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createTestDatabase, type TestDatabase } from 'testing';
import { type Database, DatabaseUnavailable, inBackground, openDatabase, sql, statement } from '../src/index.ts';

describe('a transaction', () => {
  let own: TestDatabase;
  let database: Database;

  before(async () => {
    own = await createTestDatabase('products');
    database = openDatabase({ url: own.url, poolMax: 2, logger: pino({ level: 'silent' }), registry: new Registry() });
  });

  after(async () => {
    await database[Symbol.asyncDispose]();
    await own[Symbol.asyncDispose]();
  });

  const insert = (sku: number) => sql.insert().into('products').set('sku', sku).set('name', 'x').set('price', 1);
  const count = async () => (await database.query('SELECT count(*)::integer AS rows FROM products'))[0]?.rows;

  it('fails with the error of its work, even if that mentions a connection', async () => {
    const failure = new Error('The connection to loms broke');
    await assert.rejects(
      database.transaction(async (transaction) => {
        await transaction.run('insert', insert(1));
        throw failure;
      }),
      failure,
    );
    assert.equal(await count(), 0);
  });

  it('fails when its work ignored a failed statement: nothing was committed', async () => {
    const stubborn = database.transaction(async (transaction) => {
      await transaction.run('insert', insert(4));
      await transaction.run('insert', insert(4)).catch(() => {});
    });
    await assert.rejects(stubborn, { message: 'A statement of the transaction failed, so nothing was committed' });
    assert.equal(await count(), 0);
  });

  it('distinguishes a time limit of the database from other failures', async () => {
    const slow = database.transaction(async (transaction) => {
      await transaction.run('limit', sql.select().field("set_config('statement_timeout', '50', true)"));
      await transaction.run('sleep', sql.select().field('pg_sleep(10)'));
    });
    await assert.rejects(slow, DatabaseUnavailable);
  });

  it('is not begun for a caller that has left', async () => {
    const reason = new Error('the caller left');
    const work = async (): Promise<never> => assert.fail('was begun');
    await assert.rejects(database.transaction(work, { signal: AbortSignal.abort(reason) }), reason);
  });

  it('of background work gets the next free connection, however many calls wait for one', async () => {
    const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
    const busy = [1, 2].map(() => database.transaction(() => finished));
    const order: string[] = [];
    const run = (on: Database, name: string) => on.run(name, statement`SELECT 1`).then(() => order.push(name));
    const waiting = [1, 2, 3, 4, 5, 6].map(() => run(database, 'call'));
    waiting.push(run(inBackground(database), 'background'));
    finish();
    await Promise.all([...busy, ...waiting]);
    assert.ok(order.indexOf('background') < 2, `${order}`);
  });

  it('is rolled back when the caller leaves between two statements', async () => {
    const caller = new AbortController();
    const reason = new Error('the caller left');
    const half = database.transaction(
      async (transaction) => {
        await transaction.run('insert', insert(2));
        caller.abort(reason);
        await transaction.run('insert', insert(3));
      },
      { signal: caller.signal },
    );
    await assert.rejects(half, reason);
    assert.equal(await count(), 0);
  });
});

describe('A time in the database', () => {
  const { TZ } = process.env;
  let own: TestDatabase;
  let database: Database;

  before(async () => {
    own = await createTestDatabase('products');
    database = openDatabase({ url: own.url, poolMax: 1, logger: pino({ level: 'silent' }), registry: new Registry() });
  });

  after(async () => {
    if (TZ === undefined) delete process.env.TZ;
    else process.env.TZ = TZ;
    await database[Symbol.asyncDispose]();
    await own[Symbol.asyncDispose]();
  });

  const times = [
    '0000-01-01T00:00:00.000Z',
    '0000-02-29T23:59:59.999Z',
    '0050-06-01T00:00:00.001Z',
    '1800-01-01T00:00:00.000Z',
    '2026-10-25T00:30:00.000Z',
    '9999-12-31T23:59:59.999Z',
  ];
  for (const zone of ['UTC', 'Europe/Amsterdam', 'America/St_Johns', 'Asia/Kathmandu']) {
    it(`is the same for a process whose TZ is ${zone}`, async () => {
      process.env.TZ = zone;
      const found: unknown[] = [];
      for (const time of times) {
        const read = sql.select().field(sql.str('?::timestamptz', new Date(time)), 'time');
        const asText = sql.str("to_char(?::timestamptz AT TIME ZONE 'UTC', 'HH24:MI:SS.MS')", new Date(time));
        const [row] = await database.run<{ time: Date; text: string }>('read', read.field(asText, 'text'));
        found.push([row?.time.toISOString(), row?.text]);
      }
      assert.deepEqual(
        found,
        times.map((time) => [time, time.slice(11, -1)]),
      );
    });
  }
});
