import assert from 'node:assert/strict';
import type { Database } from 'service-kit';
import {
  itReadsByIndexOnly,
  lastOf,
  pretendRows,
  queryOn,
  type RanStatement,
  recordStatements,
  rolledBack,
  rowsReadBy,
  writePast,
} from 'testing';
import type { Page } from '../src/domain/ports.ts';
import { createCatalogue } from '../src/repository/catalogue.ts';
import { createStore } from '../src/repository/store.ts';
import { openProducts, type RunningProducts } from './products-fixture.ts';

/** Every statement of products, except the readiness check and the journal of operations (see those of checkout). */
const STATEMENTS = [
  'change product',
  'create product',
  'find product',
  'find products',
  'list products',
  'list skus',
  'lock product',
];

const TABLES = ['products', 'product_changes'];

/** Plans are tested as for a catalogue of this size. */
const PLANNED = 100_000;
/** Few enough for every run; statistics make the planner expect all of them. `PRODUCTS=100000` inserts all. */
const PRODUCTS = Number(process.env.PRODUCTS ?? 20_000);
/** A limit against hanging: the inserts need seconds, more on a busy machine. */
const PAST_MAX_MS = 60_000 + 2 * PRODUCTS;

/** The first of every ten products is archived, so are the first thousand, and one in a thousand is a samovar. */
const SAMOVAR_EVERY = 1_000;
const pastOf = (first: number, last: number): readonly string[] => [
  `INSERT INTO products (sku, name, price, archived_at)
  SELECT sku, CASE WHEN sku % ${SAMOVAR_EVERY} = 7 THEN 'Самовар № ' ELSE 'Чайник № ' END || sku, 100,
    CASE WHEN sku % 10 = 0 OR sku <= 1000 THEN now() END
  FROM generate_series(${first}, ${last}) sku`,

  `INSERT INTO product_changes (sku, version, action, name, price, caller)
  SELECT sku, 1, CASE WHEN archived_at IS NULL THEN 'created' ELSE 'archived' END, name, price, 'tests' FROM products WHERE sku BETWEEN ${first} AND ${last}`,
];

const context = { signal: new AbortController().signal };
const FIRST_PAGE: Page = { name: undefined, afterSku: undefined, count: 21 };

/** Runs each statement at least once, through the code that runs it in production. */
async function runEveryStatement(database: Database): Promise<void> {
  const catalogue = createCatalogue(database);
  await catalogue.find(5_000, context);
  await catalogue.findAll([5_000, 6_000], context);
  await catalogue.skusAfter(5_000, 20, context);
  await catalogue.list(FIRST_PAGE, context);
  await createStore(database).transaction(
    async (products) => {
      await products.create({ sku: 4_000_000_000, name: 'Чайник', price: 1 });
      const product = await products.lock(4_000_000_000);
      assert.ok(product);
      await products.change('updated', { ...product, version: 2 });
    },
    { ...context, actor: 1n, caller: 'tests', requestId: 'a request' },
  );
}

describe('The statements of products', () => {
  const statements: RanStatement[] = [];
  let running: RunningProducts;

  before(async function () {
    this.timeout(PAST_MAX_MS);
    running = await openProducts();
    await writePast(queryOn(running.database), { orders: PRODUCTS, tables: TABLES, statementsOf: pastOf });
    await runEveryStatement(recordStatements(running.database, statements));
    await pretendRows(running.testDatabase, PLANNED / PRODUCTS);
  });
  after(() => running?.[Symbol.asyncDispose]());

  const ran = () => statements;

  itReadsByIndexOnly({
    folder: 'products/src/repository',
    names: STATEMENTS,
    tables: TABLES,
    ran,
    trial: (work) => rolledBack(running.database, work),
  });

  /** The products of a page, and the rows that its statement read. */
  async function read(page: Partial<Page>): Promise<readonly [found: number, rows: number]> {
    const own: RanStatement[] = [];
    const catalogue = createCatalogue(recordStatements(running.database, own));
    const found = await catalogue.list({ ...FIRST_PAGE, ...page }, context);
    return [
      found.length,
      await rolledBack(running.database, (query) => rowsReadBy(query, lastOf(own, 'list products'))),
    ];
  }

  it('read one page of the list, on the first page and far behind it, and no archived product', async () => {
    for (const afterSku of [undefined, 5_000, PRODUCTS - 100]) assert.deepEqual(await read({ afterSku }), [21, 21]);
  });

  it('read only the products that have the wanted name, by the index', async () => {
    const samovars = PRODUCTS / SAMOVAR_EVERY - 1;
    for (const name of ['самовар', 'САМОВАР №', 'амова']) {
      assert.deepEqual(await read({ name }), [Math.min(samovars, 21), samovars], name);
    }
    assert.deepEqual(await read({ name: `самовар № ${SAMOVAR_EVERY * 5 + 7}` }), [1, 1]);
    assert.deepEqual(await read({ name: 'нет такого товара' }), [0, 0]);
  });

  it('read few products more than a page for a name that most have', async () => {
    const [found, rows] = await read({ name: 'чайник' });
    assert.ok(found === 21 && rows < 100, `${rows} rows were read`);
  });
});
