import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { ProductsClient, RunningProducts } from './products-fixture.ts';
import { openProducts } from './products-fixture.ts';

/** All pages of the list, with something done between two pages. */
async function readAll(
  client: ProductsClient,
  page: { name?: string; limit?: number },
  between: () => Promise<unknown> = async () => {},
): Promise<number[]> {
  const skus: number[] = [];
  let cursor: string | undefined;
  do {
    const { products, nextCursor } = await client.list_products({ limit: 20, ...page, ...(cursor ? { cursor } : {}) });
    assert.ok(products.length <= (page.limit ?? 20));
    assert.ok(products.every(({ archived }) => !archived));
    skus.push(...products.map(({ sku }) => sku));
    cursor = nextCursor;
    await between();
  } while (cursor !== undefined);
  return skus;
}

describe('The pages of list_products', () => {
  let running: RunningProducts;
  let client: ProductsClient;

  beforeEach(async () => {
    running = await openProducts();
    ({ client } = running);
  });
  afterEach(() => running?.[Symbol.asyncDispose]());

  const create = (sku: number) => client.create_product({ sku, name: `Чайник ${sku}`, price: sku });

  it('hold 20 products unless the caller says otherwise, and the last one has no cursor', async () => {
    await Promise.all(Array.from({ length: 40 }, (_, sku) => create(sku)));
    const first = await client.list_products({ limit: 20 });
    assert.deepEqual(
      first.products.map(({ sku }) => sku),
      Array.from({ length: 20 }, (_, sku) => sku),
    );
    const answer = await fetch(`${running.url}/list_products`, { method: 'POST', body: Buffer.from('{}') });
    assert.deepEqual(await answer.json(), first);
    const last = await client.list_products({ limit: 20, cursor: first.nextCursor ?? '' });
    assert.deepEqual([last.products.length, last.nextCursor], [20, undefined]);
  });

  it('refuse a limit that is not 1 to 100, and a cursor that is none', async () => {
    for (const limit of [0, 101, 65_535, -1, 1.5, Number.NaN]) {
      await assert.rejects(client.list_products({ limit }), { code: 'invalid_params' }, `${limit}`);
    }
    for (const cursor of ['', '7', 'W10', 'WzEsMl0', 'WyIxIl0', '%', 'x'.repeat(10_000)]) {
      await assert.rejects(client.list_products({ limit: 1, cursor }), { code: 'invalid_params' }, cursor);
    }
    assert.deepEqual(await client.list_products({ limit: 100 }), { products: [] });
  });

  it('show each product that stays exactly once, whatever is created, changed and archived meanwhile', async () => {
    const sku = fc.integer({ min: 0, max: 60 });
    const step = fc.record({ action: fc.constantFrom('create', 'update', 'archive'), sku });
    const runs = fc.record({
      first: fc.uniqueArray(sku, { maxLength: 40 }),
      limit: fc.integer({ min: 1, max: 12 }),
      name: fc.constantFrom(undefined, 'чай', 'Чайник 1'),
      steps: fc.array(fc.array(step, { maxLength: 6 }), { minLength: 60, maxLength: 60 }),
    });
    const property = fc.asyncProperty(runs, async ({ first, limit, name, steps }) => {
      await running.database.query('TRUNCATE products, product_changes');
      await Promise.all(first.map(create));
      const isListed = (candidate: number) => `чайник ${candidate}`.includes((name ?? '').toLowerCase());
      const existing = new Set(first);
      const stayed = new Set(first.filter(isListed));
      const between = async (): Promise<void> => {
        for (const { action, sku } of steps.shift() ?? []) {
          const [product] = (await client.get_products({ skus: [sku] })).products;
          if (action === 'create' && !product) {
            await create(sku);
            existing.add(sku);
          } else if (product && !product.archived) {
            const { version } = product;
            if (action === 'update') await client.update_product({ sku, version, price: 1 });
            if (action === 'archive') {
              await client.archive_product({ sku, version });
              stayed.delete(sku);
            }
          }
        }
      };
      const seen = await readAll(client, { limit, ...(name ? { name } : {}) }, between);
      assert.deepEqual(
        seen,
        [...new Set(seen)].toSorted((a, b) => a - b),
      );
      assert.ok(seen.every((each) => existing.has(each) && isListed(each)));
      assert.deepEqual(
        [...stayed].filter((each) => !seen.includes(each)),
        [],
      );
    });
    await fc.assert(property, { numRuns: 25 });
  });
});

const NAMES = {
  1: 'Футболка 100% хлопок',
  2: 'Футболка 100 хлопок',
  3: 'snake_case',
  4: 'snakeXcase',
  5: String.raw`C:\temp`,
  6: 'C:temp',
  7: 'Ёлка, 2 м',
  8: 'ЩУКА',
  9: 'шука',
  10: 'Éclair à la crème',
  11: 'Cafe\u0301',
  12: 'ＦＵＬＬ　ＷＩＤＴＨ',
  13: 'ΑΘΗΝΑ',
  14: '漢字 辞典',
  15: '😀 смайл',
  16: `O'Clock "quoted" -- ; DROP TABLE products`,
  17: 'a%b_c\\d',
  18: 'Їжак Ґудзик ў',
  19: 'ab',
  20: 'к'.repeat(255),
} as const;

describe('The name filter of list_products', () => {
  let running: RunningProducts;

  before(async () => {
    running = await openProducts();
    for (const [sku, name] of Object.entries(NAMES)) {
      await running.client.create_product({ sku: Number(sku), name, price: 1 });
    }
  });
  after(() => running?.[Symbol.asyncDispose]());

  const found = (name: string) => readAll(running.client, { name });

  const cases: readonly (readonly [what: string, filter: string, skus: readonly number[]])[] = [
    ['% as itself', '%', [1, 17]],
    ['% in a word as itself', '100% х', [1]],
    ['_ as itself', '_', [3, 17]],
    ['_ in a word as itself', 'snake_case', [3]],
    [String.raw`\ as itself`, '\\', [5, 17]],
    [String.raw`\ before another wildcard as itself`, String.raw`\%`, []],
    ['all wildcards together as themselves', 'a%b_c\\d', [17]],
    ['only wildcards as themselves', '%%%', []],
    ['a word in upper case', 'ФУТБОЛКА', [1, 2]],
    ['a word in lower case', 'щука', [8]],
    ['a letter that shares its place in the index with another one', 'ШУКА', [9]],
    ['Ё as it is written', 'ёлка', [7]],
    ['the middle of a word', 'тболк', [1, 2]],
    ['Ukrainian and Belarusian letters', 'їЖАК ґУДЗИК Ў', [18]],
    ['Latin letters with accents', 'éCLAIR À LA CRÈME', [10]],
    ['a letter and its accent as one character', 'CAFÉ', [11]],
    ['wide letters as usual ones', 'full width', [12]],
    ['Greek', 'θην', [13]],
    ['scripts without cases', '字 辞', [14]],
    ['emoji', '😀', [15]],
    ['quotes and comments as themselves', `o'clock "QUOTED" -- ; drop`, [16]],
    ['one letter', 'ё', [7]],
    ['a name that is as short as the filter', 'AB', [16, 19]],
    ['the longest name', 'К'.repeat(255), [20]],
    ['no name', 'нет такого', []],
    ['a space at its end', 'хлопок ', []],
  ];
  for (const [what, filter, skus] of cases) {
    it(`finds ${what}`, async () => {
      assert.deepEqual(await found(filter), skus);
    });
  }

  it('finds each part of each name, in upper and lower case', async () => {
    for (const [sku, name] of Object.entries(NAMES)) {
      const characters = [...name.normalize('NFKC')].slice(0, 12);
      for (const length of [1, 2, 3, 5]) {
        for (let start = 0; start + length <= characters.length; start++) {
          const part = characters.slice(start, start + length).join('');
          for (const filter of [part, part.toUpperCase(), part.toLowerCase()]) {
            assert.ok((await found(filter)).includes(Number(sku)), `"${filter}" of "${name}"`);
          }
        }
      }
    }
  });

  const refused = {
    'an empty text': '',
    '256 characters': 'x'.repeat(256),
    '10 KB': '%'.repeat(10_240),
    NUL: 'a\0b',
    'half of a surrogate pair': 'a\ud800',
  };
  for (const [what, filter] of Object.entries(refused)) {
    it(`refuses ${what}`, async () => {
      await assert.rejects(found(filter), { code: 'invalid_params' });
    });
  }
});
