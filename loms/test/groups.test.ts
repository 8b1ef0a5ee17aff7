import assert from 'node:assert/strict';
import { failedWith, type RpcError } from 'rpc-kit';
import { loms as contract } from '../contract.ts';
import {
  eventually,
  type Loms,
  type LomsClient,
  type Outcome,
  outboxToDrain,
  outcomeOf,
  settle,
  withLoms,
} from './loms-fixture.ts';

const { createOrder } = contract.methods;
const HOT = 1;
const COLD = 2;

function buy(client: LomsClient, key: string, sku = HOT) {
  const order = { user: 1n, items: [{ sku, count: 1 }], idempotencyKey: key };
  return answered(() => client.createOrder(order));
}

/** Calls again after a deadline, which a busy machine may miss: what is tested is no speed. */
async function answered<T>(call: () => Promise<T>): Promise<Outcome<T>> {
  for (;;) {
    const outcome = await outcomeOf(call());
    if ('ok' in outcome || (outcome.error as RpcError).code !== 'deadline_exceeded') return outcome;
  }
}

function orderIDsOf(outcomes: readonly Outcome<{ orderID: bigint }>[]): bigint[] {
  return outcomes.map((outcome) => {
    if ('error' in outcome) throw outcome.error;
    return outcome.ok.orderID;
  });
}

const times = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const ranCount = ({ statements }: Loms, name: string) => statements.filter((ran) => ran.name === name).length;

async function untilBlocked({ query }: Loms): Promise<void> {
  await eventually(
    'a group waits for its goods',
    () => query("SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"),
    (rows) => rows.length > 0,
  );
}

describe('Orders in groups', () => {
  it(
    'answer 400 orders of one sku at once, none of them as unavailable, and pay them with few statements',
    withLoms(async (loms) => {
      await loms.supply(HOT, { 1: 150, 2: 100, 3: 100 });
      const outcomes = await Promise.all(times(400).map((index) => buy(loms.client, `order ${index}`)));
      const refused = outcomes.flatMap((outcome) => ('error' in outcome ? [outcome.error] : []));
      assert.equal(refused.length, 50);
      for (const error of refused) assert.ok(failedWith(error, createOrder, 'out_of_stock'), String(error));
      assert.deepEqual(await loms.orderCounts(), { 'awaiting payment': 350, failed: 50 });
      assert.deepEqual(await loms.stocksOf(HOT), { 1: '0/150/0', 2: '0/100/0', 3: '0/100/0' });

      const orderIDs = orderIDsOf(outcomes.filter((outcome) => 'ok' in outcome));
      await Promise.all(orderIDs.map((orderID) => answered(() => loms.client.orderPayed({ orderID }))));
      assert.deepEqual(await loms.stocksOf(HOT), { 1: '0/0/150', 2: '0/0/100', 3: '0/0/100' });
      for (const name of ['create orders', 'pay orders']) {
        const ran = ranCount(loms, name);
        assert.ok(ran >= 6 && ran <= 40, `${name}: ${ran} times`);
      }
    }),
  );

  it(
    'of two replicas sell each unit once, and none more',
    withLoms(async (loms) => {
      await loms.supply(HOT, { 1: 30, 2: 31 });
      const clients = [loms.client, loms.start().client];
      const outcomes = await Promise.all(
        times(120).map((index) => buy(clients[index % 2] as LomsClient, `order ${index}`)),
      );
      assert.deepEqual(await loms.stocksOf(HOT), { 1: '0/30/0', 2: '0/31/0' });
      const orderIDs = orderIDsOf(outcomes.filter((outcome) => 'ok' in outcome));
      await Promise.all(
        orderIDs.map((orderID, index) =>
          settle(() => clients[index % 2]?.[index % 3 ? 'orderPayed' : 'cancelOrder']({ orderID }) as Promise<unknown>),
        ),
      );
      await outboxToDrain(loms);
    }),
  );

  it(
    'that wait for a lock of another transaction hold up no order of other goods that comes later',
    withLoms(async (loms) => {
      for (const sku of [HOT, COLD]) await loms.supply(sku, { 1: 100 });
      const blocked = await loms.trial(async (query) => {
        await query(`SELECT FROM stocks WHERE sku = ${HOT} FOR UPDATE`);
        const hot = times(20).map((index) => buy(loms.client, `hot ${index}`));
        await untilBlocked(loms);
        const cold = await Promise.all(times(20).map((index) => buy(loms.client, `cold ${index}`, COLD)));
        assert.equal(orderIDsOf(cold).length, 20);
        assert.deepEqual(await loms.orderCounts(), { 'awaiting payment': 20 });
        return { hot };
      });
      orderIDsOf(await Promise.all(blocked.hot));
      assert.deepEqual(await loms.orderCounts(), { 'awaiting payment': 40 });
    }),
  );

  it(
    'go on without an order that the database refuses, which fails alone',
    withLoms(async (loms) => {
      await loms.supply(HOT, { 1: 100 });
      await loms.query(`
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RAISE EXCEPTION 'not this user' USING ERRCODE = 'check_violation'; END $$`);
      await loms.query(
        'CREATE TRIGGER refusing BEFORE INSERT ON orders FOR EACH ROW WHEN (NEW.user_id = 13) EXECUTE FUNCTION refuse()',
      );
      const outcomes = await Promise.all(
        times(20).map((index) => {
          const items = [{ sku: HOT, count: 1 }];
          const order = { user: BigInt(index), items, idempotencyKey: `of user ${index}` };
          return answered(() => loms.client.createOrder(order));
        }),
      );
      const failed = times(20).filter((index) => 'error' in (outcomes[index] as object));
      assert.deepEqual(failed, [13]);
      assert.deepEqual(await loms.orderCounts(), { 'awaiting payment': 19 });
      assert.deepEqual(await loms.query("SELECT FROM idempotency_keys WHERE key = 'of user 13'"), []);
    }),
  );

  it(
    'leave out a caller that leaves while they wait for their goods: no order, and its key is free',
    withLoms(async (loms) => {
      await loms.supply(HOT, { 1: 100 });
      const leaver = new AbortController();
      const order = { user: 1n, items: [{ sku: HOT, count: 1 }], idempotencyKey: 'left' };
      const staying = await loms.trial(async (query) => {
        await query('SELECT FROM stocks FOR UPDATE');
        const others = times(3).map((index) => buy(loms.client, `stays ${index}`));
        const leaving = outcomeOf(loms.client.createOrder(order, { signal: leaver.signal }));
        await untilBlocked(loms);
        leaver.abort();
        assert.ok('error' in (await leaving));
        return { others };
      });
      orderIDsOf(await Promise.all(staying.others));
      assert.deepEqual(await loms.orderCounts(), { 'awaiting payment': 3 });
      assert.equal(ranCount(loms, 'create orders'), 1);
      assert.deepEqual(await loms.query("SELECT FROM idempotency_keys WHERE key = 'left'"), []);
      await loms.client.createOrder(order);
      assert.deepEqual(await loms.stocksOf(HOT), { 1: '96/4/0' });
    }),
  );

  it(
    'pass on the request id and the trace of each call to its own events',
    withLoms(async (loms) => {
      await loms.supply(HOT, { 1: 100 });
      const traceOf = (index: number) => `00-4bf92f3577b34da6a3ce929d0e0e47${10 + index}-00f067aa0ba902b7-01`;
      const orderIDs = await Promise.all(
        times(10).map(async (index) => {
          const order = { user: 1n, items: [{ sku: HOT, count: 1 }] };
          const context = { requestId: `request ${index}`, traceparent: traceOf(index) };
          return (await loms.client.createOrder(order, context)).orderID;
        }),
      );
      assert.ok(ranCount(loms, 'create orders') < 10, 'they were groups');
      await outboxToDrain(loms);
      for (const [index, orderID] of orderIDs.entries()) {
        const events = loms.events.filter((event) => event.orderID === orderID);
        assert.deepEqual(
          events.map(({ seq, requestId, traceparent }) => [seq, requestId, traceparent]),
          [1, 2].map((seq) => [seq, `request ${index}`, traceOf(index)]),
        );
      }
    }),
  );
});
