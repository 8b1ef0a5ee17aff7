import assert from 'node:assert/strict';
import type pg from 'pg';
import { createTestDatabase, type TestDatabase } from 'testing';
import { openSnapshot, watchStock } from '../src/index.ts';
import { connect } from '../src/snapshot.ts';
import { createStockWatcher } from '../src/stock-watch.ts';

describe('Snapshots of moving stock', () => {
  let database: TestDatabase;
  let writer: pg.Client;

  beforeEach(async () => {
    database = await createTestDatabase('loms');
    writer = await connect(database.url);
    await writer.query('INSERT INTO stocks (sku, warehouse_id, initial, supplied, on_sale) VALUES (1, 1, 5, 5, 5)');
  });
  afterEach(async () => {
    await writer.end();
    await database[Symbol.asyncDispose]();
  });

  it('count the changes between them and find no violation in consistent stock', async () => {
    const watcher = createStockWatcher();
    await look(watcher);
    await look(watcher);
    await writer.query('UPDATE stocks SET on_sale = 4, sold = 1');
    await look(watcher);
    assert.deepEqual([watcher.snapshots, watcher.moves, watcher.violations], [3, 1, []]);
  });

  it('keep a violation, also when it has passed since', async () => {
    const watcher = createStockWatcher();
    await writer.query('ALTER TABLE stocks DROP CONSTRAINT stocks_check');
    await writer.query('UPDATE stocks SET on_sale = 4');
    await look(watcher);
    await writer.query('UPDATE stocks SET on_sale = 5');
    await look(watcher);
    assert.deepEqual(watcher.violations, [
      { sku: 1n, warehouse_id: 1n, initial: 5n, adjusted: null, supplied: 5n, on_sale: 4n, reserved: 0n, sold: 0n },
    ]);
  });

  it('see no partial transaction, and cannot write', async () => {
    await using snapshot = await openSnapshot(database.url);
    const count = async () => (await snapshot.query('SELECT on_sale FROM stocks'))[0]?.on_sale;
    assert.equal(await count(), 5n);
    await writer.query('UPDATE stocks SET on_sale = 4, sold = 1');
    assert.equal(await count(), 5n);
    await assert.rejects(snapshot.query('UPDATE stocks SET on_sale = 3'), /read-only transaction/);
  });

  it('continue until the signal aborts, also while the database is down', async () => {
    const ending = new AbortController();
    const away = new URL(database.url);
    // The discard port is closed.
    away.port = '9';
    const watching = watchStock(away.href, { signal: ending.signal });
    setImmediate(() => ending.abort());
    assert.equal((await watching).snapshots, 0);
  });

  async function look(watcher: ReturnType<typeof createStockWatcher>): Promise<void> {
    await using snapshot = await openSnapshot(database.url);
    await watcher.take(snapshot.query);
  }
});
