import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { failedWith, type ParamsOf } from 'rpc-kit';
import { testCall } from 'rpc-kit/testing';
import { isLostRace } from 'service-kit';
import { loms as contract } from '../contract.ts';
import { type Loms, type Outcome, outcomeOf, settle, withLoms } from './loms-fixture.ts';

const { adjustStock } = contract.methods;
type Adjustment = ParamsOf<typeof adjustStock>;
type Reason = 'insufficient_stock' | 'stock_too_large';

const SKU = 1_076_963;
const KEY = 'delivery 7';
const ARRIVAL: Adjustment = { sku: SKU, warehouseID: 1n, delta: 40n, idempotencyKey: KEY, actor: 9n };
const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };
const UINT64_MAX = 2n ** 64n - 1n;

let keys = 0;
/** An adjustment with a key of its own. */
function adjust({ client }: Pick<Loms, 'client'>, delta: bigint, place: Partial<Adjustment> = {}) {
  return client.adjustStock({ ...ARRIVAL, delta, idempotencyKey: `key ${++keys}`, ...place });
}

async function refusalOf(call: Promise<unknown>, reason: Reason): Promise<unknown> {
  const outcome = await outcomeOf(call);
  assert.ok('error' in outcome && failedWith(outcome.error, adjustStock, reason), inspect(outcome));
  assert.equal(outcome.error.code, 'failed_precondition');
  return outcome.error.details;
}

function assertConflict(outcome: Outcome<unknown>): void {
  assert.ok('error' in outcome && failedWith(outcome.error, adjustStock, 'idempotency_conflict'));
}

const adjustmentsOf = ({ query }: Loms) =>
  query(
    'SELECT key, caller, actor, sku, warehouse_id, delta, on_sale, refusal FROM stock_adjustments ORDER BY 1, 2, 3',
  );

describe('An adjustment of stock', () => {
  it(
    'puts goods on sale, in a new warehouse and of a new sku too',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 10 });
      assert.deepEqual(await adjust(loms, 40n), { onSale: 50n });
      assert.deepEqual(await adjust(loms, 3n, { warehouseID: -5n }), { onSale: 3n });
      assert.deepEqual(await adjust(loms, 2n, { sku: 4_294_967_295 }), { onSale: 2n });
      assert.deepEqual(await loms.stocksOf(SKU), { '-5': '3/0/0', 1: '50/0/0' });
      const { orderID } = await loms.client.createOrder({ user: 7n, items: [{ sku: SKU, count: 53 }] });
      await loms.client.orderPayed({ orderID });
      assert.deepEqual(await loms.stocksOf(SKU), { '-5': '0/0/3', 1: '0/0/50' });
    }),
  );

  it(
    'writes off what is on sale, and never what is reserved or sold',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 10 });
      const items = [{ sku: SKU, count: 3 }];
      const { orderID } = await loms.client.createOrder({ user: 7n, items });
      await loms.client.orderPayed(await loms.client.createOrder({ user: 7n, items }));
      assert.deepEqual(await refusalOf(adjust(loms, -5n), 'insufficient_stock'), {
        sku: SKU,
        warehouseID: 1n,
        onSale: 4n,
      });
      assert.deepEqual(await adjust(loms, -4n), { onSale: 0n });
      assert.deepEqual(await loms.stocksOf(SKU), { 1: '0/3/3' });
      await refusalOf(adjust(loms, -1n), 'insufficient_stock');
      await loms.client.cancelOrder({ orderID });
      assert.deepEqual(await adjust(loms, -3n), { onSale: 0n });
    }),
  );

  it(
    'of goods that there are none of is refused, and leaves no empty stock',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 10 });
      for (const place of [{ sku: 404 }, { warehouseID: 404n }]) {
        const details = { sku: SKU, warehouseID: 1n, onSale: 0n, ...place };
        assert.deepEqual(await refusalOf(adjust(loms, -1n, place), 'insufficient_stock'), details);
      }
      assert.deepEqual(await loms.query('SELECT count(*)::integer AS stocks FROM stocks'), [{ stocks: 1 }]);
    }),
  );

  it(
    'is exact up to what uint64 holds, sold goods included',
    withLoms(async (loms) => {
      const place = { warehouseID: INT64.max };
      assert.deepEqual(await adjust(loms, INT64.max, place), { onSale: INT64.max });
      await loms.client.orderPayed(await loms.client.createOrder({ user: 7n, items: [{ sku: SKU, count: 65_535 }] }));
      assert.deepEqual(await adjust(loms, INT64.max, place), { onSale: 2n * INT64.max - 65_535n });
      const onSale = UINT64_MAX - 65_535n;
      const tooLarge = { sku: SKU, warehouseID: INT64.max, onSale: onSale - 1n };
      assert.deepEqual(await refusalOf(adjust(loms, 2n, place), 'stock_too_large'), tooLarge);
      assert.deepEqual(await adjust(loms, 1n, place), { onSale });
      assert.deepEqual(await refusalOf(adjust(loms, 1n, place), 'stock_too_large'), { ...tooLarge, onSale });
      assert.deepEqual(await adjust(loms, INT64.min, place), { onSale: onSale + INT64.min });
    }),
  );

  it(
    'is refused with a delta of 0 or outside of int64',
    withLoms(async (loms) => {
      for (const delta of [0n, INT64.max + 1n, INT64.min - 1n]) {
        const outcome = await outcomeOf(adjust(loms, delta));
        assert.ok('error' in outcome && (outcome.error as { code?: string }).code === 'invalid_params');
      }
      assert.deepEqual(await adjustmentsOf(loms), []);
    }),
  );
});

describe('The key of an adjustment', () => {
  it(
    'adjusts once, of twenty calls at once, and answers all of them the same',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 10 });
      const clients = [loms.client, loms.start().client];
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          settle(() => (clients[index % 2] ?? loms.client).adjustStock(ARRIVAL)),
        ),
      );
      for (const outcome of outcomes) assert.deepEqual(outcome, { ok: { onSale: 50n } });
      assert.deepEqual(await loms.stocksOf(SKU), { 1: '50/0/0' });
    }),
  );

  it(
    'repeats the first answer, also a refusal, whatever is on sale since',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 10 });
      const writeOff = { ...ARRIVAL, delta: -11n };
      const refused = { sku: SKU, warehouseID: 1n, onSale: 10n };
      assert.deepEqual(await refusalOf(loms.client.adjustStock(writeOff), 'insufficient_stock'), refused);
      await adjust(loms, 90n);
      assert.deepEqual(await refusalOf(loms.client.adjustStock(writeOff), 'insufficient_stock'), refused);
      const arrival = { ...ARRIVAL, idempotencyKey: 'another' };
      assert.deepEqual(await loms.client.adjustStock(arrival), { onSale: 140n });
      await loms.client.createOrder({ user: 7n, items: [{ sku: SKU, count: 5 }] });
      assert.deepEqual(await loms.client.adjustStock(arrival), { onSale: 140n });
      assert.deepEqual(await loms.stocksOf(SKU), { 1: '135/5/0' });
    }),
  );

  it(
    'is refused with another body, which changes nothing',
    withLoms(async (loms) => {
      await loms.client.adjustStock(ARRIVAL);
      for (const other of [{ sku: SKU + 1 }, { warehouseID: 2n }, { delta: 41n }]) {
        assertConflict(await outcomeOf(loms.client.adjustStock({ ...ARRIVAL, ...other })));
      }
      assert.deepEqual(await loms.stocksOf(SKU), { 1: '40/0/0' });
      assert.equal((await adjustmentsOf(loms)).length, 1);
    }),
  );

  it(
    'belongs to the calling service, whatever its version, and to the admin',
    withLoms(async (loms) => {
      const call = async (name: string, actor: bigint | undefined) => {
        const params = {
          sku: SKU,
          warehouseID: 1,
          delta: 1,
          idempotencyKey: KEY,
          ...(actor && { actor: Number(actor) }),
        };
        const caller = { name, idempotencyKey: KEY };
        return loms.service.call(testCall({ service: 'loms', method: 'adjustStock', params, caller }));
      };
      for (let time = 0; time < 2; time++) {
        for (const name of ['gateway/0.1.0', 'gateway/0.2.0', 'operator']) {
          for (const actor of [undefined, 1n, 2n]) await call(name, actor);
        }
      }
      assert.deepEqual(await loms.stocksOf(SKU), { 1: '6/0/0' });
    }),
  );

  it(
    'is free again after a call that was rolled back',
    withLoms(async (loms) => {
      await loms.query('ALTER TABLE stocks ADD CONSTRAINT closed CHECK (on_sale < 40)');
      assert.ok('error' in (await outcomeOf(loms.client.adjustStock(ARRIVAL))));
      assert.deepEqual(await adjustmentsOf(loms), []);
      await loms.query('ALTER TABLE stocks DROP CONSTRAINT closed');
      assert.deepEqual(await loms.client.adjustStock(ARRIVAL), { onSale: 40n });
    }),
  );
});

describe('The audit of stock', () => {
  it(
    'names for each adjustment its caller, admin and request, and its outcome',
    withLoms(async (loms) => {
      const caller = { name: 'gateway/0.1.0', idempotencyKey: KEY };
      for (const [requestId, delta] of [
        ['request 1', 40],
        ['request 2', -41],
      ] as const) {
        const params = { sku: SKU, warehouseID: 1, delta, idempotencyKey: requestId, actor: 9 };
        const call = testCall({
          service: 'loms',
          method: 'adjustStock',
          params,
          requestId,
          caller: { ...caller, idempotencyKey: requestId },
        });
        await outcomeOf(loms.service.call(call) as Promise<unknown>);
      }
      const written = { caller: 'gateway', actor: 9n, sku: BigInt(SKU), warehouse_id: 1n, on_sale: 40n };
      assert.deepEqual(await adjustmentsOf(loms), [
        { key: 'request 1', ...written, delta: 40n, refusal: null },
        { key: 'request 2', ...written, delta: -41n, refusal: 'insufficient_stock' },
      ]);
      const ids = await loms.query(
        "SELECT request_id, at > now() - interval '1 minute' AS is_recent FROM stock_adjustments ORDER BY 1",
      );
      assert.deepEqual(ids, [
        { request_id: 'request 1', is_recent: true },
        { request_id: 'request 2', is_recent: true },
      ]);
    }),
  );
});

describe('Races of adjustments', () => {
  const lostRaces = ({ statements }: Loms) => statements.filter(({ error }) => isLostRace(error));

  it(
    'of a new sku all count, though none of them found it',
    withLoms(async (loms) => {
      const clients = [loms.client, loms.start().client];
      const outcomes = await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          settle(() =>
            (clients[index % 2] ?? loms.client).adjustStock({
              ...ARRIVAL,
              delta: 1n,
              idempotencyKey: `arrival ${index}`,
            }),
          ),
        ),
      );
      // Each of them saw another sum: they came one after the other.
      const sums = outcomes.map((outcome) => ('ok' in outcome ? outcome.ok.onSale : -1n));
      assert.deepEqual(
        sums.toSorted((a, b) => Number(a - b)),
        Array.from({ length: 100 }, (_, index) => BigInt(index + 1)),
      );
      assert.deepEqual(await loms.stocksOf(SKU), { 1: '100/0/0' });
      assert.deepEqual(lostRaces(loms), []);
    }),
  );

  it(
    'with orders of the same sku neither lose nor make a unit, and what is sold is never written off',
    withLoms(async (loms) => {
      const clients = [loms.client, loms.start().client];
      await loms.supply(SKU, { 1: 30, 2: 30 });
      const act = (index: number): Promise<Outcome<unknown>> => {
        const client = clients[index % 2] ?? loms.client;
        const idempotencyKey = `race ${index}`;
        const warehouseID = BigInt((index % 3) + 1);
        if (index % 2)
          return settle(() =>
            client.adjustStock({ ...ARRIVAL, warehouseID, delta: index % 4 === 1 ? 1n : -2n, idempotencyKey }),
          );
        return settle(() => client.createOrder({ user: 7n, items: [{ sku: SKU, count: 1 }], idempotencyKey }));
      };
      const outcomes = await Promise.all(Array.from({ length: 200 }, (_, index) => act(index)));
      const failed = outcomes.flatMap((outcome) => ('error' in outcome ? [outcome.error] : []));
      for (const error of failed) {
        const isRefused =
          failedWith(error, adjustStock, 'insufficient_stock') ||
          failedWith(error, contract.methods.createOrder, 'out_of_stock');
        assert.ok(isRefused, String(error));
      }
      const [sums] = await loms.query(
        `SELECT sum(on_sale) AS on_sale, sum(reserved) AS reserved,
          (SELECT sum(delta) FROM stock_adjustments WHERE refusal IS NULL)::bigint AS adjusted FROM stocks`,
      );
      const { 'awaiting payment': orders = 0 } = await loms.orderCounts();
      assert.equal(sums?.reserved, BigInt(orders));
      assert.equal((sums?.on_sale as bigint) + BigInt(orders), 60n + (sums?.adjusted as bigint));
      assert.deepEqual(lostRaces(loms), []);
    }),
  );
});
