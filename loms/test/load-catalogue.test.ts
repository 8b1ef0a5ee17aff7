import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { withLoms } from './loms-fixture.ts';

const execute = promisify(execFile);
const LOADER = fileURLToPath(new URL('../src/load-catalogue.ts', import.meta.url));

describe('The catalogue', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'catalogue-'));
  });
  after(() => rm(folder, { recursive: true }));

  const load = (databaseUrl: string, counts: Record<number, number>): Promise<string> => {
    const stock = Object.entries(counts).map(([warehouse, count]) => ({ warehouseID: Number(warehouse), count }));
    return loadProducts(databaseUrl, [{ sku: 7, stock }]);
  };

  async function loadProducts(databaseUrl: string, products: readonly object[]): Promise<string> {
    const path = join(folder, 'catalogue.json');
    await writeFile(path, JSON.stringify(products));
    const { stdout } = await execute(process.execPath, [LOADER, path], {
      env: { ...process.env, DATABASE_URL: databaseUrl },
    });
    return stdout.trim();
  }

  it(
    'is loaded once: stock that was adjusted, sold out or created since stays as it is',
    withLoms(async (loms) => {
      const { url } = loms.testDatabase;
      const adjust = (warehouseID: bigint, delta: bigint) =>
        loms.client.adjustStock({ sku: 7, warehouseID, delta, idempotencyKey: `${warehouseID}: ${delta}` });
      assert.equal(await load(url, { 1: 10, 2: 5 }), 'stock: 2 stored');
      await adjust(1n, 4n);
      await adjust(2n, -5n);
      await adjust(3n, 1n);
      const stocks = { 1: '14/0/0', 2: '0/0/0', 3: '1/0/0' };
      assert.deepEqual(await loms.stocksOf(7), stocks);
      assert.equal(await load(url, { 1: 10, 2: 5 }), 'stock: nothing new');
      assert.deepEqual(await loms.stocksOf(7), stocks);
      // A later catalogue adds the warehouses that are missing.
      assert.equal(await load(url, { 1: 10, 3: 100, 4: 8 }), 'stock: 1 stored');
      assert.deepEqual(await loms.stocksOf(7), { ...stocks, 4: '8/0/0' });
    }),
  );

  it(
    'may have more stock than a statement has parameters',
    withLoms(async (loms) => {
      const stock = [1, 2, 3].map((warehouseID) => ({ warehouseID, count: 1 }));
      const products = Array.from({ length: 5_000 }, (_, sku) => ({ sku, stock }));
      assert.equal(await loadProducts(loms.testDatabase.url, products), 'stock: 15000 stored');
    }),
  );
});
