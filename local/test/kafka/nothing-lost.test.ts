import assert from 'node:assert/strict';
import { createTestDatabase, startMortalBroker } from 'local/testing';
import { openSql, type Sql } from '../in-process/sql.ts';
import { createHerd } from './service-herd.ts';

const ORDERS = 500;
/** new, awaiting payment and so on, again and again: what they say does not matter here, only how many there are. */
const EVENTS_EACH = 20;
const EVENTS = ORDERS * EVENTS_EACH;
const POLL_MS = 100;
/** Below mocha's own limit, which would not say what was waited for. */
const WAIT_MAX_MS = 100_000;

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

describe('10,000 events of 500 orders, from two relays through Kafka to three consumers', () => {
  it('arrive once each and in order, whoever is killed meanwhile', async () => {
    await using lomsDatabase = await createTestDatabase('loms');
    await using notificationsDatabase = await createTestDatabase('notifications');
    await using outbox = openSql(lomsDatabase.url);
    await using inbox = openSql(notificationsDatabase.url);
    await using broker = await startMortalBroker();
    const surroundings = { KAFKA_BROKERS: broker.address, DATABASE_POOL_MAX: '5' };
    await using relays = createHerd('loms', { ...surroundings, DATABASE_URL: lomsDatabase.url });
    await using consumers = createHerd('notifications', { ...surroundings, DATABASE_URL: notificationsDatabase.url });
    const stored = async (): Promise<number> => {
      const [{ count } = {}] = await inbox('SELECT count(*)::integer AS count FROM notifications');
      return Number(count);
    };
    const storedAtLeast = async (count: number): Promise<void> => {
      const until = performance.now() + WAIT_MAX_MS;
      while ((await stored()) < count) {
        if (performance.now() > until) throw new Error(`${await stored()} of ${count} events are stored`);
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    };

    await change(outbox, 1, EVENTS_EACH / 2);
    await Promise.all([relays.add(), relays.add(), consumers.add(), consumers.add(), consumers.add()]);
    await storedAtLeast(EVENTS * 0.1);
    await Promise.all([consumers.killOldest(), relays.killOldest()]);
    await Promise.all([consumers.add(), relays.add(), change(outbox, EVENTS_EACH / 2 + 1, EVENTS_EACH)]);
    await storedAtLeast(EVENTS * 0.3);
    await broker.kill();
    await consumers.killOldest();
    await broker.startAgain();
    await storedAtLeast(EVENTS * 0.5);
    await consumers.stopOldest();
    await Promise.all([consumers.add(), consumers.add(), relays.killOldest()]);
    await relays.add();
    await storedAtLeast(EVENTS);

    const events = 'SELECT event_id, order_id, seq::integer AS seq, user_id FROM';
    const order = 'ORDER BY order_id, seq';
    assert.deepEqual(await inbox(`${events} notifications ${order}`), await outbox(`${events} outbox ${order}`));
    assert.deepEqual(await inbox('SELECT reason, message FROM dead_letters'), []);
    // Ids of transactions grow: none may have stored an event before another one stored its predecessor.
    const early = await inbox(`SELECT later.order_id, later.seq FROM notifications AS later
      JOIN notifications AS earlier ON earlier.order_id = later.order_id AND earlier.seq = later.seq - 1
      WHERE later.xmin::text::bigint < earlier.xmin::text::bigint`);
    assert.deepEqual(early, []);
  });
});
