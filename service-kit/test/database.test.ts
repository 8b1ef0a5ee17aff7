import assert from 'node:assert/strict';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createTestDatabase, type TestDatabase } from 'testing';
import { type Database, DatabaseUnavailable, openDatabase, sql } from '../src/index.ts';

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

  it('fails with what its work failed with, also when that speaks of a connection', async () => {
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

  it('fails when its work went on after a statement that failed: nothing was committed', async () => {
    const stubborn = database.transaction(async (transaction) => {
      await transaction.run('insert', insert(4));
      await transaction.run('insert', insert(4)).catch(() => {});
    });
    await assert.rejects(stubborn, { message: 'A statement of the transaction failed, so nothing was committed' });
    assert.equal(await count(), 0);
  });

  it('tells a time limit of the database from other failures', async () => {
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
