import assert from 'node:assert/strict';
import type { DatabaseName } from 'mesh';
import { superuserUrl } from 'mesh/postgres';
import { migrationsDirectory } from 'mesh/run';
import { migrateDown, migrateUp } from 'service-kit/migrations';
import { createEmptyTestDatabase, type TestDatabase } from 'testing';
import { readTestServer } from '../src/test-server.ts';
import { queryOnce } from './query-once.ts';

function superuserUrlOf({ directUrl }: TestDatabase): string {
  return Object.assign(new URL(superuserUrl(readTestServer())), { pathname: new URL(directUrl).pathname }).href;
}

/** A database right before the migration, with functions to apply it and to roll it back. */
async function openBefore(service: DatabaseName, migration: string) {
  const database = await createEmptyTestDatabase(service);
  const target = { databaseUrl: database.directUrl, directory: migrationsDirectory(service) };
  const down = async () => {
    while ((await migrateDown(target)) !== migration);
  };
  await migrateUp(target);
  await down();
  return {
    query: (text: string) => queryOnce(database.directUrl, text),
    asSuperuser: (text: string) => queryOnce(superuserUrlOf(database), text),
    up: () => migrateUp(target),
    down,
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

describe('The migration of idempotency keys', () => {
  it('assigns the keys of loms to the user of their order and any caller, and rolls back to one row per key', async () => {
    await using loms = await openBefore('loms', '0007-keys-of-callers.sql');
    await loms.query(
      "INSERT INTO orders (order_id, user_id, status, seq) VALUES (1, 51, 'payed', 3), (2, 52, 'payed', 3)",
    );
    await loms.query("INSERT INTO idempotency_keys (key, body_hash, order_id) VALUES ('a', 'x', 1), ('b', 'y', 2)");
    await loms.up();
    assert.deepEqual(await loms.query('SELECT key, caller, user_id FROM idempotency_keys ORDER BY key'), [
      { key: 'a', caller: '*', user_id: '51' },
      { key: 'b', caller: '*', user_id: '52' },
    ]);
    await loms.query(`INSERT INTO idempotency_keys (key, caller, user_id, body_hash, order_id, created_at)
      VALUES ('a', 'checkout', 52, 'z', 2, now() + interval '1 second'), ('c', 'checkout', 52, 'z', 2, now())`);
    await loms.down();
    assert.deepEqual(await loms.query('SELECT key, order_id FROM idempotency_keys ORDER BY key'), [
      { key: 'a', order_id: '1' },
      { key: 'b', order_id: '2' },
      { key: 'c', order_id: '2' },
    ]);
  });

  it('keeps the purchases of checkout, and rolls back to the first purchase of each key', async () => {
    await using checkout = await openBefore('checkout', '0005-keys-of-users.sql');
    const insert = (id: number, user: number, at: string) =>
      checkout.query(`INSERT INTO purchases (purchase_id, user_id, idempotency_key, state, order_id, created_at, settled_at, resume_at)
        VALUES ('00000000-0000-4000-8000-00000000000${id}', ${user}, 'a', 'ordered', ${id}, '${at}', now(), now())`);
    const keys = () => checkout.query('SELECT order_id, idempotency_key AS key FROM purchases ORDER BY order_id');
    await checkout.query('INSERT INTO carts VALUES (51), (52)');
    await insert(1, 51, '2026-01-01');
    await checkout.up();
    await insert(2, 52, '2026-01-02');
    assert.deepEqual(await keys(), [
      { order_id: '1', key: 'a' },
      { order_id: '2', key: 'a' },
    ]);
    await checkout.down();
    assert.deepEqual(await keys(), [
      { order_id: '1', key: 'a' },
      { order_id: '2', key: null },
    ]);
  });
});

describe('The migration of product changes', () => {
  it('gives each product its first version with a row in the history, and rolls back to the products', async () => {
    await using products = await openBefore('products', '0002-product-changes.sql');
    const insert = (sku: number) =>
      products.query(`INSERT INTO products (sku, name, price) VALUES (${sku}, 'Чайник', 5)`);
    const rows = () => products.query('SELECT sku, name, price FROM products ORDER BY sku');
    await insert(7);
    await insert(8);
    const before = await rows();
    await products.up();
    assert.deepEqual(
      await products.query('SELECT sku, version, action, name, price, actor, caller FROM product_changes ORDER BY sku'),
      ['7', '8'].map((sku) => ({
        sku,
        version: 1,
        action: 'created',
        name: 'Чайник',
        price: '5',
        actor: null,
        caller: 'load-catalogue',
      })),
    );
    await products.down();
    assert.deepEqual(await rows(), before);
  });

  it('leaves pg_trgm in place if the administrator of the database installed it', async () => {
    await using products = await openBefore('products', '0003-product-list.sql');
    const installed = () =>
      products.query("SELECT count(*)::integer AS count FROM pg_extension WHERE extname = 'pg_trgm'");
    assert.deepEqual(await installed(), [{ count: 0 }]);
    await products.asSuperuser('CREATE EXTENSION pg_trgm');
    await products.up();
    await products.down();
    assert.deepEqual(await installed(), [{ count: 1 }]);
  });
});
