import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { failedWith, RpcError } from 'rpc-kit';
import { products } from '../contract.ts';
import { TOKEN as token } from './in-process.ts';
import { openProducts, type RunningProducts } from './products-fixture.ts';

const execute = promisify(execFile);
const LOADER = fileURLToPath(new URL('../src/load-catalogue.ts', import.meta.url));
const CATALOGUE = fileURLToPath(new URL('../../catalogue/catalogue.json', import.meta.url));
const BOOK = { sku: 1_076_963, name: 'Теория нравственных чувств | Смит Адам', price: 3_379 };

describe('products on the catalogue', () => {
  let running: RunningProducts;

  const load = async (): Promise<string> => {
    const { stdout } = await execute(process.execPath, [LOADER, CATALOGUE], {
      env: { ...process.env, DATABASE_URL: running.testDatabase.url },
    });
    return stdout.trim();
  };

  before(async () => {
    running = await openProducts();
  });

  after(() => running?.[Symbol.asyncDispose]());

  it('is loaded once; loading again brings back missing products only', async () => {
    const { database } = running;
    assert.match(await load(), /^products: \d{3,} stored$/);
    const [changed, archived, missing] = [BOOK.sku, 139_275_865, 242_948];
    await running.client.update_product({ sku: changed, version: 1, price: 1 });
    await running.client.archive_product({ sku: archived, version: 1 });
    for (const table of ['product_changes', 'products']) {
      await database.query(`DELETE FROM ${table} WHERE sku = ${missing}`);
    }
    assert.equal(await load(), 'products: 1 stored');
    assert.equal(await load(), 'products: nothing new');
    const { products: found } = await running.client.get_products({ skus: [changed, archived, missing] });
    const shown = found.map(({ sku, price, version, archived }) => ({ sku, price, version, archived }));
    assert.deepEqual(shown, [
      { sku: missing, price: 99, version: 1, archived: false },
      { sku: changed, price: 1, version: 2, archived: false },
      { sku: archived, price: 634, version: 2, archived: true },
    ]);
    await running.client.update_product({ sku: changed, version: 2, price: BOOK.price });
  });

  it('shows archived products to callers of get_product and list_skus', async () => {
    const sku = 139_275_865;
    assert.equal((await running.client.get_product({ token, sku })).price, 634);
    assert.deepEqual((await running.client.list_skus({ token, startAfterSku: sku - 1, count: 1 })).skus, [sku]);
  });

  it('answers name and price', async () => {
    const { name, price } = BOOK;
    assert.deepEqual(await running.client.get_product({ token, sku: BOOK.sku }), { name, price });
  });

  it('refuses an unknown sku, and names it', async () => {
    await assert.rejects(
      running.client.get_product({ token, sku: 4_294_967_295 }),
      (error) =>
        failedWith(error, products.methods.get_product, 'product_not_found') && error.details.sku === 4_294_967_295,
    );
  });

  it('refuses a wrong token on every method', async () => {
    const isUnauthenticated = (error: unknown) => error instanceof RpcError && error.code === 'unauthenticated';
    await assert.rejects(running.client.get_product({ token: 'wrong', sku: BOOK.sku }), isUnauthenticated);
    await assert.rejects(running.client.list_skus({ token: 'wrong', startAfterSku: 0, count: 1 }), isUnauthenticated);
  });

  it('lists all skus, ascending and each once, a page at a time', async () => {
    const all: number[] = [];
    for (;;) {
      const { skus } = await running.client.list_skus({ token, startAfterSku: all.at(-1) ?? 0, count: 40 });
      if (skus.length === 0) break;
      all.push(...skus);
    }
    const [row] = await running.database.query('SELECT count(*)::integer AS rows FROM products');
    assert.equal(all.length, row?.rows);
    assert.deepEqual(
      all,
      [...new Set(all)].toSorted((a, b) => a - b),
    );
    assert.ok(all.length >= 200 && all.includes(BOOK.sku) && all.includes(139_275_865));
  });

  it('serves clients of the original service by its plain protocol', async () => {
    const body = JSON.stringify({ token, sku: BOOK.sku });
    const answer = await fetch(`${running.url}/get_product`, { method: 'POST', body: Buffer.from(body) });
    assert.equal(answer.status, 200);
    assert.deepEqual(await answer.json(), { name: BOOK.name, price: BOOK.price });
  });
});
