import assert from 'node:assert/strict';
import { RpcError } from 'rpc-kit';
import { isLostRace } from 'service-kit';
import { eventually, type Loms, type LomsClient, type Outcome, outcomeOf, settle, withLoms } from './loms-fixture.ts';

const SKUS = [1, 2, 3, 4, 5, 6];
const [FIRST_SKU, LAST_SKU] = [1, 6];
const CALLS = 6;
/** Postgres looks for a deadlock once, a second after a wait began. Who is too slow to close the circle by then tries again. */
const ROUNDS_MAX = 5;
/** As service-kit's database runs a transaction that loses. */
const ATTEMPTS_MAX = 4;
/** What a call over goods that are fought for may be answered. */
const DOCUMENTED = new Set(['aborted', 'deadline_exceeded', 'unavailable']);

function orderOf(key: string, items = SKUS.map((sku) => ({ sku, count: 1 }))) {
  return { user: 1n, items, idempotencyKey: key };
}

function assertDocumented(outcome: Outcome<unknown>): void {
  if ('ok' in outcome) return;
  assert.ok(outcome.error instanceof RpcError && DOCUMENTED.has(outcome.error.code), String(outcome.error));
}

const lostRaces = ({ statements }: Loms) => statements.filter(({ error }) => isLostRace(error));

async function deadlocks({ query }: Loms): Promise<number> {
  const read = () => query('SELECT deadlocks::integer FROM pg_stat_database WHERE datname = current_database()');
  // A connection reports its counters when it is used again, so every connection of the pool is used.
  const answers = await Promise.all(Array.from({ length: 10 }, read));
  return Math.max(...answers.map(([row]) => Number(row?.deadlocks)));
}

describe('A deadlock', () => {
  it(
    'caused by locks in the wrong order is lost by one transaction, and every call is answered',
    withLoms(async (loms) => {
      const replicas: LomsClient[] = [loms.client, loms.start().client];
      for (const sku of SKUS) await loms.supply(sku, { 1: 1_000, 2: 1_000 });
      const keys: string[] = [];

      /** Holds the last goods, lets orders come that hold the first ones by then, and asks for these too. */
      async function provoke(round: number): Promise<void> {
        let calls: Promise<Outcome<unknown>>[] = [];
        await loms.trial(async (query) => {
          await query(`SELECT FROM stocks WHERE sku = ${LAST_SKU} FOR UPDATE`);
          calls = Array.from({ length: CALLS }, (_, index) => {
            const order = orderOf(`order ${index} of round ${round}`);
            keys.push(order.idempotencyKey);
            if (index % 2) order.items.reverse();
            return outcomeOf((replicas[index % 2] as LomsClient).createOrder(order));
          });
          const waiting =
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
          await eventually(
            'an order waits',
            () => loms.query(waiting),
            (rows) => rows.length > 0,
          );
          const closing = query(`SELECT FROM stocks WHERE sku = ${FIRST_SKU} FOR UPDATE`);
          // This transaction may be the one that loses.
          await closing.catch((error: unknown) => assert.ok(isLostRace(error), String(error)));
        });
        for (const outcome of await Promise.all(calls)) assertDocumented(outcome);
      }

      for (let round = 1; round <= ROUNDS_MAX && lostRaces(loms).length === 0; round++) await provoke(round);
      const lost = lostRaces(loms);
      assert.ok(lost.length > 0, 'no call of loms has ever lost');
      assert.ok(lost.length <= keys.length * ATTEMPTS_MAX, `${lost.length} attempts were lost`);
      await eventually(
        'Postgres has counted the deadlock',
        () => deadlocks(loms),
        (count) => count > 0,
      );
      console.log(`        ${lost.length} attempts of ${keys.length} calls were lost`);

      for (const key of keys) assert.ok('ok' in (await settle(() => loms.client.createOrder(orderOf(key)))));
      assert.deepEqual(await loms.orderCounts(), { 'awaiting payment': keys.length });
    }),
  );

  it(
    'that a call meets at every attempt ends it as aborted after a few of them, and leaves nothing behind',
    withLoms(async (loms) => {
      for (const sku of SKUS) await loms.supply(sku, { 1: 1 });
      await loms.query(`
        CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RAISE EXCEPTION 'lost again' USING ERRCODE = 'deadlock_detected'; END $$`);
      await loms.query('CREATE TRIGGER losing BEFORE INSERT ON orders EXECUTE FUNCTION lose()');
      const outcome = await outcomeOf(loms.client.createOrder(orderOf('unlucky'), { timeoutMs: 10_000 }));
      assert.ok('error' in outcome && outcome.error instanceof RpcError);
      const { code, retryAfterMs, details } = outcome.error;
      assert.deepEqual({ code, retryAfterMs, details }, { code: 'aborted', retryAfterMs: 1_000, details: undefined });
      assert.equal(lostRaces(loms).length, ATTEMPTS_MAX);
      assert.deepEqual(await loms.orderCounts(), {});

      await loms.query('DROP TRIGGER losing ON orders');
      await loms.client.createOrder(orderOf('unlucky'));
      assert.deepEqual(await loms.orderCounts(), { 'awaiting payment': 1 });
    }),
  );
});
