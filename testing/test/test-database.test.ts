import assert from 'node:assert/strict';
import { createTestDatabase } from 'testing';
import { queryOnce as query } from './query-once.ts';

describe('A test database', () => {
  it('has the migrations of its service applied', async () => {
    await using database = await createTestDatabase('products');
    const rows = await query(
      database.url,
      "SELECT to_regclass('atdatabases_migrations_applied') IS NOT NULL AS migrated",
    );
    assert.deepEqual(rows, [{ migrated: true }]);
  });

  it('is isolated: a test does not see the rows of another one', async () => {
    await using first = await createTestDatabase('products');
    await using second = await createTestDatabase('products');
    await query(first.url, 'CREATE TABLE mine (id int)');
    assert.deepEqual(await query(second.url, "SELECT to_regclass('mine') AS mine"), [{ mine: null }]);
  });

  it('has the limits of the role: no transaction stays open longer than 5 s', async () => {
    await using database = await createTestDatabase('loms');
    for (const url of [database.url, database.directUrl]) {
      const [row] = await query(url, "SELECT current_user, current_setting('transaction_timeout') AS timeout");
      assert.deepEqual(row, { current_user: 'loms', timeout: '5s' });
    }
  });

  it('refuses connections of another service', async () => {
    await using loms = await createTestDatabase('loms');
    await using checkout = await createTestDatabase('checkout');
    const other = new URL(checkout.directUrl);
    other.pathname = new URL(loms.directUrl).pathname;
    await assert.rejects(query(other.href, 'SELECT 1'), /permission denied for database/);
  });

  it('is dropped after the test', async () => {
    const database = await createTestDatabase('products');
    await query(database.url, 'SELECT 1');
    await database[Symbol.asyncDispose]();
    await assert.rejects(query(database.directUrl, 'SELECT 1'), /does not exist/);
  });
});
