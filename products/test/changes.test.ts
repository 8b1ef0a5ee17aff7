import assert from 'node:assert/strict';
import { openProducts, type ProductsClient, type RunningProducts, refusalOf } from './products-fixture.ts';

/** Calls that race with one version. */
const RACERS = 20;
const ACTOR = 9_007_199_254_740_993n;

describe('Changes of products', () => {
  let running: RunningProducts;
  let client: ProductsClient;
  let lastSku = 0;

  before(async () => {
    running = await openProducts();
    ({ client } = running);
  });

  after(() => running?.[Symbol.asyncDispose]());

  async function create(): Promise<number> {
    const { sku } = await client.create_product({ sku: ++lastSku, name: `Чайник ${lastSku}`, price: 100 });
    return sku;
  }

  /** The history of the product, and its row, which has to equal the last row of the history. */
  async function historyOf(sku: number): Promise<Record<string, unknown>[]> {
    const history = await running.database.query(
      `SELECT version, action, name, price, actor, caller, request_id FROM product_changes WHERE sku = ${sku} ORDER BY version`,
    );
    const { version, action, name, price } = history.at(-1) ?? {};
    const row = { version, name, price, archived: action === 'archived' };
    const product = `SELECT version, name, price, archived_at IS NOT NULL AS archived FROM products WHERE sku = ${sku}`;
    assert.deepEqual(await running.database.query(product), [row]);
    return history;
  }

  const versionsOf = async (sku: number) => (await historyOf(sku)).map(({ version }) => version);

  it('each make the next version, with a row that says who made it in which call', async () => {
    const sku = ++lastSku;
    const first = { sku, name: 'Чайник', price: 100 };
    assert.deepEqual(await client.create_product({ ...first, actor: ACTOR }, { requestId: 'create' }), {
      ...first,
      version: 1,
      archived: false,
    });
    const change = { sku, version: 1, name: 'Самовар', price: 4_294_967_295, actor: ACTOR };
    const updated = { sku, name: 'Самовар', price: 4_294_967_295, version: 2, archived: false };
    assert.deepEqual(await client.update_product(change, { requestId: 'update' }), updated);
    const archived = { ...updated, version: 3, archived: true };
    assert.deepEqual(await client.archive_product({ sku, version: 2 }, { requestId: 'archive' }), archived);
    const caller = 'gateway';
    assert.deepEqual(await historyOf(sku), [
      { version: 1, action: 'created', name: 'Чайник', price: 100n, actor: ACTOR, caller, request_id: 'create' },
      {
        version: 2,
        action: 'updated',
        name: 'Самовар',
        price: 4_294_967_295n,
        actor: ACTOR,
        caller,
        request_id: 'update',
      },
      {
        version: 3,
        action: 'archived',
        name: 'Самовар',
        price: 4_294_967_295n,
        actor: null,
        caller,
        request_id: 'archive',
      },
    ]);
    assert.deepEqual((await client.get_products({ skus: [sku] })).products, [archived]);
  });

  it('with one version at the same moment: one is made, and the others are refused and change nothing', async () => {
    const sku = await create();
    const outcomes = await Promise.allSettled(
      Array.from({ length: RACERS }, (_, price) => client.update_product({ sku, version: 1, price })),
    );
    const [winner, ...others] = outcomes.filter(({ status }) => status === 'fulfilled');
    assert.ok(winner?.status === 'fulfilled' && others.length === 0);
    const lost = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    assert.deepEqual(
      lost.map(({ reason, code, details }) => ({ reason, code, details })),
      Array(RACERS - 1).fill({ reason: 'version_conflict', code: 'aborted', details: { sku, version: 2 } }),
    );
    assert.deepEqual((await client.get_products({ skus: [sku] })).products, [winner.value]);
    assert.deepEqual(await versionsOf(sku), [1, 2]);
  });

  it('that each begin from what the caller read are all made, without gaps', async () => {
    const sku = await create();
    async function addOne(): Promise<void> {
      for (;;) {
        const [product] = (await client.get_products({ skus: [sku] })).products;
        assert.ok(product);
        const { version, price } = product;
        const change = client.update_product({ sku, version, price: price + 1 });
        if (await change.then(() => true, refuseOnly('version_conflict'))) return;
      }
    }
    await Promise.all(Array.from({ length: RACERS }, addOne));
    const [product] = (await client.get_products({ skus: [sku] })).products;
    assert.deepEqual([product?.price, product?.version], [100 + RACERS, 1 + RACERS]);
    assert.deepEqual(
      await versionsOf(sku),
      Array.from({ length: 1 + RACERS }, (_, index) => index + 1),
    );
  });

  it('that create one sku at the same moment: one is made', async () => {
    const sku = ++lastSku;
    const outcomes = await Promise.allSettled(
      Array.from({ length: RACERS }, (_, price) => client.create_product({ sku, name: 'Чайник', price })),
    );
    const made = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    assert.equal(made.length, 1);
    const lost = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    assert.ok(lost.every(({ reason, details }) => reason === 'product_exists' && details.sku === sku));
    assert.deepEqual((await client.get_products({ skus: [sku] })).products, made);
    assert.deepEqual(await versionsOf(sku), [1]);
  });

  it('that update and archive with one version at the same moment: one is made', async () => {
    const sku = await create();
    const calls = Array.from({ length: RACERS }, (_, price) =>
      price % 2 === 0 ? client.update_product({ sku, version: 1, price }) : client.archive_product({ sku, version: 1 }),
    );
    const outcomes = await Promise.allSettled(calls);
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
    assert.deepEqual(await versionsOf(sku), [1, 2]);
  });

  it('of an archived product are refused; archiving it again with its version changes nothing', async () => {
    const sku = await create();
    const archived = await client.archive_product({ sku, version: 1 });
    assert.deepEqual(await client.archive_product({ sku, version: 2 }), archived);
    assert.deepEqual(await refusalOf(client.archive_product({ sku, version: 1 })), [
      'version_conflict',
      { sku, version: 2 },
    ]);
    assert.deepEqual(await refusalOf(client.update_product({ sku, version: 2, price: 1 })), [
      'product_archived',
      { sku },
    ]);
    const again = client.create_product({ sku, name: 'Чайник', price: 1 });
    assert.deepEqual(await refusalOf(again), ['product_exists', { sku }]);
    assert.deepEqual(await versionsOf(sku), [1, 2]);
  });

  it('of unknown products are refused', async () => {
    const sku = 4_294_967_295;
    assert.deepEqual(await refusalOf(client.update_product({ sku, version: 1, price: 1 })), [
      'product_not_found',
      { sku },
    ]);
    assert.deepEqual(await refusalOf(client.archive_product({ sku, version: 1 })), ['product_not_found', { sku }]);
  });

  it('without their row in the history are not made', async () => {
    const sku = await create();
    const { database } = running;
    await database.query(`ALTER TABLE product_changes ADD CONSTRAINT refuse CHECK (price <> 666)`);
    try {
      await assert.rejects(client.create_product({ sku: 999_999, name: 'Чайник', price: 666 }), { code: 'internal' });
      await assert.rejects(client.update_product({ sku, version: 1, price: 666 }), { code: 'internal' });
    } finally {
      await database.query('ALTER TABLE product_changes DROP CONSTRAINT refuse');
    }
    assert.deepEqual((await client.get_products({ skus: [999_999] })).products, []);
    assert.deepEqual(await versionsOf(sku), [1]);
  });

  it('name a name, a price or both, and no empty or long name', async () => {
    const sku = await create();
    for (const change of [{}, { name: '' }, { name: 'ы'.repeat(256) }, { price: 4_294_967_296 }, { price: -1 }]) {
      const call = client.update_product({ sku, version: 1, ...change });
      await assert.rejects(call, { code: 'invalid_params' }, JSON.stringify(change));
    }
    const name = '😀'.repeat(255);
    assert.equal((await client.update_product({ sku, version: 1, name })).name, name);
  });
});

describe('get_products', () => {
  it('gives known products ascending and each once, archived ones included', async () => {
    await using running = await openProducts();
    const { client } = running;
    for (const sku of [30, 10, 20]) await client.create_product({ sku, name: `Чайник ${sku}`, price: sku });
    await client.archive_product({ sku: 20, version: 1 });
    const { products: found } = await client.get_products({ skus: [30, 20, 4_294_967_295, 10, 20] });
    assert.deepEqual(
      found.map(({ sku, archived }) => [sku, archived]),
      [
        [10, false],
        [20, true],
        [30, false],
      ],
    );
  });

  it('takes one sku to a hundred', async () => {
    await using running = await openProducts();
    const skus = Array.from({ length: 101 }, (_, sku) => sku);
    for (const refused of [[], skus]) {
      await assert.rejects(running.client.get_products({ skus: refused }), { code: 'invalid_params' });
    }
    assert.deepEqual(await running.client.get_products({ skus: skus.slice(1) }), { products: [] });
  });
});

/** For a call that may be refused with this reason: false then. */
function refuseOnly(reason: string): (error: { readonly reason?: string }) => boolean {
  return (error) => {
    if (error.reason !== reason) throw error;
    return false;
  };
}
