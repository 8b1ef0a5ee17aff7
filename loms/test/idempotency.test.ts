import assert from 'node:assert/strict';
import { pino } from 'pino';
import { failedWith, type ParamsOf, serveHttp, stringifyJson } from 'rpc-kit';
import { testCall } from 'rpc-kit/testing';
import { queryOn } from 'testing';
import { loms as contract } from '../contract.ts';
import { eventually, type Loms, type LomsClient, type Outcome, outcomeOf, settle, withLoms } from './loms-fixture.ts';

const { createOrder } = contract.methods;
type Order = ParamsOf<typeof createOrder>;

const SKU = 1_076_963;
const KEY = 'one intended order';
const ORDER: Order = { user: 7n, items: [{ sku: SKU, count: 2 }], idempotencyKey: KEY };
const OTHER_ORDERS: Order[] = [
  { ...ORDER, items: [{ sku: SKU, count: 3 }] },
  { ...ORDER, items: [{ sku: SKU + 1, count: 2 }] },
  { ...ORDER, items: [...ORDER.items, { sku: SKU + 1, count: 2 }] },
];

function orderIDOf(outcome: Outcome<{ orderID: bigint }>): bigint {
  if ('error' in outcome) throw outcome.error;
  return outcome.ok.orderID;
}

function failedOrderIDOf(outcome: Outcome<unknown>): bigint {
  assert.ok('error' in outcome && failedWith(outcome.error, createOrder, 'out_of_stock'));
  assert.deepEqual(outcome.error.details.shortages, [{ sku: SKU, requested: 2, available: 1n }]);
  return outcome.error.details.orderID;
}

function assertConflict(outcome: Outcome<unknown>): void {
  assert.ok('error' in outcome && failedWith(outcome.error, createOrder, 'idempotency_conflict'));
  assert.equal(outcome.error.code, 'failed_precondition');
}

/** The same call so many times at once, spread over two replicas. */
function atOnce(loms: Loms, orders: readonly Order[]): Promise<Outcome<{ orderID: bigint }>[]> {
  const clients: LomsClient[] = [loms.client, loms.start().client];
  return Promise.all(
    orders.map((order, index) => settle(() => (clients[index % 2] ?? loms.client).createOrder(order))),
  );
}

describe('An idempotency key', () => {
  it(
    'makes one order of twenty calls at once, and answers all of them the same',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 100 });
      const outcomes = await atOnce(loms, Array<Order>(20).fill(ORDER));
      assert.equal(new Set(outcomes.map(orderIDOf)).size, 1);
      assert.deepEqual(await loms.orderCounts(), { 'awaiting payment': 1 });
      assert.deepEqual(await loms.stocksOf(SKU), { 1: '98/2/0' });
    }),
  );

  it(
    'makes one failed order of twenty calls at once, and fails all of them the same',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 1 });
      const outcomes = await atOnce(loms, Array<Order>(20).fill(ORDER));
      assert.equal(new Set(outcomes.map(failedOrderIDOf)).size, 1);
      assert.deepEqual(await loms.orderCounts(), { failed: 1 });
    }),
  );

  it(
    'belongs to the body of the first of twenty callers, and is refused to callers with another body',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 100 });
      const other: Order = { ...ORDER, items: [{ sku: SKU, count: 3 }] };
      const outcomes = await atOnce(
        loms,
        Array.from({ length: 20 }, (_, index) => (index % 4 < 2 ? ORDER : other)),
      );
      const [won, lost] = [outcomes.filter((one) => 'ok' in one), outcomes.filter((one) => 'error' in one)];
      assert.deepEqual([won.length, lost.length], [10, 10]);
      assert.equal(new Set(won.map(orderIDOf)).size, 1);
      lost.forEach(assertConflict);
      assert.deepEqual(await loms.orderCounts(), { 'awaiting payment': 1 });
    }),
  );

  it(
    'is refused with another body, which changes nothing',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 100 });
      await loms.supply(SKU + 1, { 1: 100 });
      const orderID = orderIDOf(await outcomeOf(loms.client.createOrder(ORDER)));
      for (const order of OTHER_ORDERS) assertConflict(await outcomeOf(loms.client.createOrder(order)));
      assert.deepEqual(await loms.orderCounts(), { 'awaiting payment': 1 });
      assert.deepEqual(await loms.stocksOf(SKU), { 1: '98/2/0' });
      assert.equal(orderIDOf(await outcomeOf(loms.client.createOrder(ORDER))), orderID);
    }),
  );

  it(
    'answers as the first time when the same goods come in other lines',
    withLoms(async ({ client, supply }) => {
      await supply(SKU, { 1: 100 });
      const { orderID } = await client.createOrder(ORDER);
      const items = [
        { sku: SKU, count: 1 },
        { sku: SKU, count: 1 },
      ];
      assert.deepEqual(await client.createOrder({ ...ORDER, items }), { orderID });
    }),
  );

  it(
    'repeats the first answer after an order was paid or cancelled',
    withLoms(async ({ client, supply, stocksOf }) => {
      await supply(SKU, { 1: 100 });
      for (const end of [client.orderPayed, client.cancelOrder]) {
        const order = { ...ORDER, idempotencyKey: end.toString() + Math.random() };
        const { orderID } = await client.createOrder(order);
        await end({ orderID });
        assert.deepEqual(await client.createOrder(order), { orderID });
      }
      assert.deepEqual(await stocksOf(SKU), { 1: '98/0/2' });
    }),
  );

  it(
    'fails as the first time after goods were missing, even when they have come since',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 1 });
      const first = failedOrderIDOf(await outcomeOf(loms.client.createOrder(ORDER)));
      await loms.supply(SKU, { 2: 100 });
      assert.equal(failedOrderIDOf(await outcomeOf(loms.client.createOrder(ORDER))), first);
      assertConflict(await outcomeOf(loms.client.createOrder({ ...ORDER, items: [{ sku: SKU, count: 3 }] })));
      assert.deepEqual(await loms.orderCounts(), { failed: 1 });
    }),
  );

  it(
    'may come with the call instead of in its params, and is refused where the two differ',
    withLoms(async ({ client, supply, orderCounts }) => {
      await supply(SKU, { 1: 100 });
      const { orderID } = await client.createOrder(ORDER);
      const { idempotencyKey, ...order } = ORDER;
      assert.deepEqual(await client.createOrder(order, { idempotencyKey }), { orderID });
      assert.deepEqual(await client.createOrder(ORDER, { idempotencyKey }), { orderID });
      await assert.rejects(client.createOrder(ORDER, { idempotencyKey: 'another' }), { code: 'invalid_request' });
      assert.deepEqual(await orderCounts(), { 'awaiting payment': 1 });
    }),
  );

  it(
    'is a key of its own for each user and each calling service, whose upgrades keep it',
    withLoms(async ({ service, supply, orderCounts }) => {
      await supply(SKU, { 1: 100 });
      const create = (name: string | undefined, user = ORDER.user) => {
        const { items } = ORDER;
        const params = { user: Number(user), items };
        const caller = { name, idempotencyKey: KEY };
        return service.call(testCall({ service: 'loms', method: 'createOrder', params, caller }));
      };
      const made = await create('checkout/0.1.0');
      for (const name of ['checkout/0.1.0', 'checkout/0.2.0', 'checkout']) assert.deepEqual(await create(name), made);
      const others = [await create('checkout/0.1.0', 8n), await create('curl/8.1'), await create(undefined)];
      assert.equal(new Set([made, ...others].map((answer) => stringifyJson(answer))).size, 4);
      assert.deepEqual(await orderCounts(), { 'awaiting payment': 4 });
    }),
  );

  it(
    'that several calls of one batch carry makes one order, and is refused to those with another body',
    withLoms(async ({ service, supply, orderCounts }) => {
      await supply(SKU, { 1: 100 });
      await using server = await serveHttp(service, { host: '127.0.0.1', port: 0, logger: pino({ level: 'silent' }) });
      const counts = [1, 1, 2];
      const answer = await fetch(`${server.url}/rpc`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': KEY },
        body: JSON.stringify(
          counts.map((count, id) => {
            const params = { user: 7, items: [{ sku: SKU, count }] };
            return { jsonrpc: '2.0', id, method: 'createOrder', params };
          }),
        ),
      });
      const answers = (await answer.json()) as { result?: object; error?: { data: { reason: string } } }[];
      const answered = answers.map(({ result, error }) => error?.data.reason ?? JSON.stringify(result));
      // Which body comes first is chance; that it is one of them is not.
      assert.equal(answered[0], answered[1]);
      assert.equal([answered[0], answered[2]].filter((one) => one === 'idempotency_conflict').length, 1);
      assert.deepEqual(await orderCounts(), { 'awaiting payment': 1 });
    }),
  );

  it(
    'that was stored before its caller was answers its order to any caller, and to no other user',
    withLoms(async ({ client, query, supply, orderCounts }) => {
      await supply(SKU, { 1: 100 });
      const { orderID } = await client.createOrder(ORDER);
      await query("UPDATE idempotency_keys SET caller = '*'");
      assert.deepEqual(await client.createOrder(ORDER), { orderID });
      assertConflict(await outcomeOf(client.createOrder({ ...ORDER, items: [{ sku: SKU, count: 3 }] })));
      assert.notEqual((await client.createOrder({ ...ORDER, user: 8n })).orderID, orderID);
      assert.deepEqual(await orderCounts(), { 'awaiting payment': 2 });
    }),
  );

  it(
    'that another transaction stores after it was looked for answers what that transaction has stored',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 100 });
      const { orderID } = await loms.client.createOrder(ORDER);
      const keyOf = (column: string) => `SELECT ${column} FROM idempotency_keys WHERE key = '${KEY}'`;
      const again: Order = { ...ORDER, idempotencyKey: 'stored meanwhile' };
      const repeated = await loms.database.transaction(async (executor) => {
        await queryOn(executor)(`
          INSERT INTO idempotency_keys (key, user_id, caller, body_hash, order_id)
          ${keyOf(`'stored meanwhile', user_id, caller, body_hash, order_id`)}`);
        const call = outcomeOf(loms.client.createOrder(again));
        await eventually(
          'the call waits for the key',
          () =>
            loms.query(
              "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'transactionid'",
            ),
          (rows) => rows.length === 1,
        );
        return { call };
      });
      assert.equal(orderIDOf(await repeated.call), orderID);
      const lost = loms.statements.filter(({ name, error }) => name === 'create orders' && error !== undefined);
      assert.equal(lost.length, 1);
      assert.deepEqual(await loms.orderCounts(), { 'awaiting payment': 1 });
      assert.deepEqual(await loms.stocksOf(SKU), { 1: '98/2/0' });
    }),
  );

  it(
    'is any text of 1 to 255 characters, and only the very same text is the same key',
    withLoms(async ({ client, supply, orderCounts }) => {
      await supply(SKU, { 1: 100 });
      const keys = [
        'k',
        'K',
        ' k',
        'k ',
        "k'; --",
        '$1',
        '?',
        'é',
        'e\u0301',
        '\u{1f6d2}'.repeat(255),
        'k'.repeat(255),
      ];
      for (const idempotencyKey of keys) {
        const { orderID } = await client.createOrder({ ...ORDER, idempotencyKey });
        assert.deepEqual(await client.createOrder({ ...ORDER, idempotencyKey }), { orderID });
      }
      assert.deepEqual(await orderCounts(), { 'awaiting payment': keys.length });
    }),
  );

  it(
    'makes an order of its own for each call without one',
    withLoms(async ({ client, supply, orderCounts }) => {
      await supply(SKU, { 1: 100 });
      const { idempotencyKey: _, ...order } = ORDER;
      await client.createOrder(order);
      await client.createOrder(order);
      assert.deepEqual(await orderCounts(), { 'awaiting payment': 2 });
    }),
  );
});
