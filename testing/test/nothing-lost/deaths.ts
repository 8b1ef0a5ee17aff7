import type { Sql } from '../../src/sql.ts';
import { openWorld, type Way } from './world.ts';

/** The processes between loms and notifications that can die. */
export interface MortalWay extends Way, AsyncDisposable {
  /** Kills one of them; the rest can work without it. */
  killOne(): Promise<void>;
  /** Kills all live ones. */
  killAll(): Promise<void>;
  /** Restarts the dead ones. */
  revive(): Promise<void>;
}

const ORDERS = 500;
/** Only their number matters here, not their statuses. */
const EVENTS_EACH = 20;
const EVENTS = ORDERS * EVENTS_EACH;
/** A limit against hanging; every wait has its own limit, whose error names the condition. */
const TEST_TIMEOUT_MS = 900_000;

/** Changes `from` to `to` of every order, with their events, as if loms had made them. */
async function change(sql: Sql, from: number, to: number): Promise<void> {
  const steps = `generate_series(1, ${ORDERS}) AS order_id, generate_series(${from}, ${to}) AS seq`;
  await sql(`INSERT INTO orders (order_id, user_id, status, seq)
    SELECT id, id % 10, 'new', 1 FROM generate_series(1, ${ORDERS}) AS id ON CONFLICT DO NOTHING`);
  await sql(`INSERT INTO order_status_history (order_id, seq, status, changed_at)
    SELECT order_id, seq, 'new', now() FROM ${steps}`);
  await sql(`INSERT INTO outbox (event_id, order_id, seq, user_id, status, changed_at)
    SELECT gen_random_uuid(), order_id, seq, order_id % 10, 'new', now() FROM ${steps}`);
}

/** The same test for each transport of events. Replicas of notifications are named by their index. */
export function describeDeaths(way: string, openWay: () => Promise<MortalWay>): void {
  describe(`10,000 events of 500 orders, from two relays ${way} to three replicas of notifications and their journals`, function () {
    this.timeout(TEST_TIMEOUT_MS);

    it('arrive once each and in order, while processes are killed, added and removed', async () => {
      await using between = await openWay();
      await using world = await openWorld(between);
      const { outbox, relays, receivers, addReceiver, stored } = world;
      await change(outbox, 1, EVENTS_EACH / 2);
      await Promise.all([relays.add(), relays.add(), ...[0, 1, 2].map(addReceiver)]);
      await stored(EVENTS * 0.1);
      await Promise.all([receivers.killOldest(), relays.killOldest()]);
      await Promise.all([addReceiver(0), relays.add(), change(outbox, EVENTS_EACH / 2 + 1, EVENTS_EACH)]);

      await stored(EVENTS * 0.25);
      // 1 does not restart: another one has to finish its journal.
      await Promise.all([between.killOne(), receivers.killOldest()]);
      await Promise.all([addReceiver(3), addReceiver(4)]);
      await stored(EVENTS * 0.4);
      await Promise.all([between.revive(), relays.killOldest()]);
      await relays.add();

      await stored(EVENTS * 0.55);
      // All of them at once; 4 does not restart.
      await Promise.all([between.killAll(), receivers.killAll(), relays.killAll()]);
      await Promise.all([between.revive(), relays.add(), relays.add(), ...[0, 2, 3].map(addReceiver)]);

      await stored(EVENTS * 0.75);
      await Promise.all([receivers.stopOldest(), relays.stopOldest()]);
      await relays.add();
      await stored(EVENTS);
      await world.journaled();
      await world.assertEachOnceAndInOrder();
    });
  });
}
