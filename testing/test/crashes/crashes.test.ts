import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { assertInvariants } from 'invariants';
import { journalOf } from 'notifications/testing';
import { drained } from '../drained.ts';
import { type CrashGround, openCrashGround } from './crash-ground.ts';
import {
  CHECKOUT_POINTS,
  CHECKOUT_TRANSACTIONS,
  commitPoints,
  LOMS_POINTS,
  LOMS_TRANSACTIONS,
} from './crash-points.ts';
import { startLife } from './life.ts';
import { type Expected, SCENARIOS, type Scenario } from './scenarios.ts';

interface Crash {
  readonly service: 'loms' | 'checkout';
  readonly point: string;
  readonly scenario: Scenario;
}

const CRASHES: Crash[] = [
  ...crashesOf('loms', Object.keys(LOMS_TRANSACTIONS), LOMS_POINTS),
  ...crashesOf('checkout', Object.keys(CHECKOUT_TRANSACTIONS), CHECKOUT_POINTS),
];

function crashesOf(service: Crash['service'], transactions: string[], points: readonly string[]): Crash[] {
  const scenarioOf = (what: string) => (SCENARIOS[service] as Record<string, Scenario>)[what] as Scenario;
  return [
    ...transactions.flatMap((name) => commitPoints(name).map((point) => ({ point, scenario: scenarioOf(name) }))),
    ...points.map((point) => ({ point, scenario: scenarioOf(point) })),
  ].map((crash) => ({ service, ...crash }));
}

/** A scenario that does not reach its crash point must report it. */
function orNone(died: Promise<string>): Promise<string> {
  return Promise.race([died, pause(DEATH_MAX_MS, 'no process died', { ref: false })]);
}

const DEATH_MAX_MS = 20_000;
/** A process starts in each test, and an interrupted purchase is retried after seconds. */
const TIMEOUT_MS = 90_000;

describe('kill -9', function () {
  this.timeout(TIMEOUT_MS);
  let ground: CrashGround;

  before(async () => {
    ground = await openCrashGround();
  });

  after(() => ground[Symbol.asyncDispose]());

  for (const { service, point, scenario } of CRASHES) {
    it(`of ${service} ${point} loses nothing and does nothing twice`, async () => {
      await using life = await startLife(ground, service, point);
      const expected = await scenario(life);
      assert.equal(await orNone(life.died), 'SIGKILL');
      await drained(ground);
      assert.deepEqual(await life.cart(), expected.cart);
      assert.deepEqual(await ordersOf(life.user), expected.orders);
      await assertNotified(life.user);
      await assertInvariants({ ...ground.sql, journal: journalOf(ground.announced) });
    });
  }

  async function ordersOf(user: bigint): Promise<Expected['orders']> {
    const orders = await ground.sql.loms('SELECT order_id, status FROM orders WHERE user_id = $1 ORDER BY 1', [user]);
    return Promise.all(
      orders.map(async ({ order_id, status }) => {
        const items = await ground.sql.loms('SELECT sku, count FROM order_items WHERE order_id = $1', [order_id]);
        return { status: String(status), goods: Object.fromEntries(items.map(({ sku, count }) => [sku, count])) };
      }),
    );
  }

  /** Every status change of the buyer's orders is in the log and in the table, once and in order. */
  async function assertNotified(user: bigint): Promise<void> {
    const { loms, notifications } = ground.sql;
    const history = await loms(
      `SELECT order_id, history.seq, history.status FROM order_status_history history JOIN orders USING (order_id)
       WHERE user_id = $1 ORDER BY order_id, seq`,
      [user],
    );
    const stored = await notifications(
      'SELECT order_id, seq::integer, status FROM notifications WHERE user_id = $1 ORDER BY order_id, seq',
      [user],
    );
    const delivered = ground.announced
      .filter((line) => line.user === String(user))
      .map(({ order_id, seq, status }) => ({ order_id: BigInt(order_id), seq, status }));
    assert.deepEqual({ stored, delivered }, { stored: history, delivered: history });
  }
});
