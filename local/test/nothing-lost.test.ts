import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase, pickFreePorts } from 'local/testing';
import { type Entry, readJournal } from '../../notifications/test/journal-ground.ts';
import { openSql, type Sql } from './in-process/sql.ts';
import { createHerd } from './kafka/service-herd.ts';

const ORDERS = 500;
/** Their words do not matter here, only how many they are. */
const EVENTS_EACH = 20;
const EVENTS = ORDERS * EVENTS_EACH;
const POLL_MS = 100;
/** A limit against hanging: what a dead relay had in hand rests for 15 s, and the machine may be slow. */
const WAIT_MAX_MS = 150_000;
const JOURNALS = ['one', 'two', 'three'];

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

async function atLeast(what: string, count: () => Promise<number>, wanted: number): Promise<void> {
  const until = performance.now() + WAIT_MAX_MS;
  for (;;) {
    const counted = await count();
    if (counted >= wanted) return;
    if (performance.now() > until) throw new Error(`${counted} of ${wanted} events are ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** By the order of the lines in a file, and from file to file by time: a seq is taken only after the one before was noted. */
function assertAscending(entries: readonly Entry[]): void {
  const seqs = new Map<bigint, number[]>();
  for (const { orderID, seq } of entries.toSorted((a, b) => a.journaledAt.getTime() - b.journaledAt.getTime())) {
    seqs.set(orderID, [...(seqs.get(orderID) ?? []), seq]);
  }
  const ascending = Array.from({ length: EVENTS_EACH }, (_, index) => index + 1);
  for (const [orderID, of] of seqs) assert.deepEqual(of, ascending, `order ${orderID}`);
}

describe('10,000 events of 500 orders, from two relays to three replicas of notifications and their journals', function () {
  this.timeout(2 * WAIT_MAX_MS);

  it('arrive once each and in order, whoever is killed meanwhile', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'order-mesh-journals-'));
    await using resources = new AsyncDisposableStack();
    resources.defer(() => rm(folder, { recursive: true }));
    const lomsDatabase = resources.use(await createTestDatabase('loms'));
    const notificationsDatabase = resources.use(await createTestDatabase('notifications'));
    const outbox = resources.use(openSql(lomsDatabase.url));
    const inbox = resources.use(openSql(notificationsDatabase.url));
    const ports = await pickFreePorts(JOURNALS.length);
    const relays = resources.use(
      createHerd('loms', {
        DATABASE_URL: lomsDatabase.url,
        DATABASE_POOL_MAX: '5',
        NOTIFICATIONS_URL: ports.map((port) => `http://127.0.0.1:${port}`).join(','),
      }),
    );
    const receivers = resources.use(
      createHerd('notifications', { DATABASE_URL: notificationsDatabase.url, DATABASE_POOL_MAX: '5' }),
    );
    const journalOf = (name = '') => join(folder, `${name}.jsonl`);
    const receiver = (index: number) =>
      receivers.add({ PORT: String(ports[index]), JOURNAL_FILE: journalOf(JOURNALS[index]) });
    const count = async (text: string): Promise<number> => {
      const [row] = await inbox(`SELECT count(*)::integer AS count FROM ${text}`);
      return Number(row?.count);
    };
    const stored = () => count('notifications');
    const readAll = async () => (await Promise.all(JOURNALS.map((name) => readJournal(journalOf(name))))).flat();

    await change(outbox, 1, EVENTS_EACH / 2);
    await Promise.all([relays.add(), relays.add(), receiver(0), receiver(1), receiver(2)]);
    await atLeast('stored', stored, EVENTS * 0.1);
    await Promise.all([receivers.killOldest(), relays.killOldest()]);
    await Promise.all([receiver(0), relays.add(), change(outbox, EVENTS_EACH / 2 + 1, EVENTS_EACH)]);
    await atLeast('stored', stored, EVENTS * 0.4);
    // This one does not come back: another one has to bring its journal to its end.
    await Promise.all([receivers.killOldest(), relays.killOldest()]);
    await relays.add();
    await atLeast('stored', stored, EVENTS * 0.7);
    await receivers.killOldest();
    await receiver(2);
    await atLeast('stored', stored, EVENTS);
    await atLeast('delivered', async () => EVENTS - (await count('deliveries')), EVENTS);

    const events = 'SELECT event_id, order_id, seq::integer AS seq, user_id FROM';
    const order = 'ORDER BY order_id, seq';
    assert.deepEqual(await inbox(`${events} notifications ${order}`), await outbox(`${events} outbox ${order}`));
    const entries = await readAll();
    assert.equal(entries.length, EVENTS);
    assert.equal(new Set(entries.map(({ eventID }) => eventID)).size, EVENTS);
    assertAscending(entries);
  });
});
