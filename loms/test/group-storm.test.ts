import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { failedWith, type RpcError } from 'rpc-kit';
import { loms as contract } from '../contract.ts';
import { type Loms, type LomsClient, outboxToDrain, outcomeOf, withLoms } from './loms-fixture.ts';

const { createOrder } = contract.methods;
const SEED = Number(process.env.SEED ?? randomInt(2 ** 31));
const CALLS = 600;
const ORDERS = 200;
/** What a caller that left, or whose connection to the database was closed, may be answered. */
const UNKNOWN = ['cancelled', 'unavailable', 'deadline_exceeded', 'aborted'];

/** https://en.wikipedia.org/wiki/Linear_congruential_generator */
function createDice(seed: number): (max: number) => number {
  let state = seed;
  return (max) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >> 8) % max;
  };
}

/** Pairs of orders of two users with the same text as their key. One in ten has 50 skus, all others few that all want. */
function orderOf(nr: number) {
  const dice = createDice(nr);
  const skus = nr % 10 === 0 ? Array.from({ length: 50 }, (_, sku) => sku + 1) : [1 + dice(6), 7 + dice(6)];
  const items = skus.map((sku) => ({ sku, count: 1 }));
  return { user: BigInt(1 + (nr % 2)), items, idempotencyKey: `key ${Math.floor(nr / 2)}` };
}

/** Now and then closes a connection that runs a statement of an order, or commits it. */
async function breakConnections({ query }: Loms, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await query(`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle' AND query ~ 'COMMIT|INSERT|FOR UPDATE'
      LIMIT 1`);
    await sleep(40);
  }
}

describe('Groups of two replicas', () => {
  it(
    'make one order a key, and lose no unit, whenever callers leave and connections break',
    withLoms(async (loms) => {
      console.log(`        SEED=${SEED}`);
      const dice = createDice(SEED);
      for (let sku = 1; sku <= 50; sku++) await loms.supply(sku, { 1: 40, 2: sku === 50 ? 0 : 40 });
      const clients = [loms.client, loms.start().client];
      const answers = new Map<number, Set<bigint | 'out_of_stock'>>();
      const settled = { orderPayed: new Set<bigint>(), cancelOrder: new Set<bigint>() };

      async function payAndCancel(orderID: bigint): Promise<void> {
        const settle = async (name: keyof typeof settled, client = clients[dice(2)] as LomsClient) => {
          if ('ok' in (await outcomeOf<unknown>(client[name]({ orderID })))) settled[name].add(orderID);
        };
        await Promise.all([settle('orderPayed'), settle('cancelOrder')]);
      }

      /** @returns whether the outcome of the order is known */
      async function create(nr: number, signal?: AbortSignal): Promise<boolean> {
        const outcome = await outcomeOf((clients[dice(2)] as LomsClient).createOrder(orderOf(nr), { signal }));
        const own = answers.get(nr) ?? new Set();
        answers.set(nr, own);
        if ('ok' in outcome) own.add(outcome.ok.orderID);
        else if (failedWith(outcome.error, createOrder, 'out_of_stock')) own.add('out_of_stock');
        else if (UNKNOWN.includes((outcome.error as RpcError).code)) return false;
        else throw outcome.error;
        if ('ok' in outcome && dice(2)) await payAndCancel(outcome.ok.orderID);
        return true;
      }

      const end = new AbortController();
      const breaking = breakConnections(loms, end.signal);
      const calls: Promise<unknown>[] = [];
      for (let call = 0; call < CALLS; call++) {
        const leavesAfterMs = dice(3) ? 60_000 : dice(80);
        calls.push(create(dice(ORDERS), AbortSignal.timeout(leavesAfterMs)));
        if (call % 50 === 49) await sleep(20);
      }
      await Promise.all(calls);
      end.abort();
      await breaking;

      for (let nr = 0; nr < ORDERS; nr++) while (!(await create(nr))) await sleep(10);
      for (const [nr, own] of answers) assert.equal(own.size, 1, `order ${nr} was answered ${[...own]}`);
      const orders = await loms.query('SELECT order_id, status FROM orders');
      assert.equal(orders.length, ORDERS, 'an order for each key');
      const statuses = new Map(orders.map(({ order_id, status }) => [order_id, status]));
      for (const orderID of settled.orderPayed) assert.equal(statuses.get(orderID), 'payed');
      for (const orderID of settled.cancelOrder) assert.equal(statuses.get(orderID), 'cancelled');
      await outboxToDrain(loms);
    }),
  );
});
