import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Entry, readJournal } from 'notifications/testing';
import { createTestDatabase } from 'testing';
import { openSql, type Sql } from '../../src/sql.ts';
import { createHerd, type Herd } from './service-herd.ts';

/** A transport of events from loms to notifications: the variables of each process. */
export interface Way {
  readonly loms: NodeJS.ProcessEnv;
  /** @param index of the replica, from 0 */
  notifications(index: number): NodeJS.ProcessEnv;
}

/** Replicas of loms and notifications as real processes, with their outbox, inbox and journals. */
export interface World extends AsyncDisposable {
  readonly outbox: Sql;
  readonly relays: Herd;
  readonly receivers: Herd;
  /** Starts a replica of notifications, which continues the journal of its index. */
  addReceiver(index: number): Promise<void>;
  /** Waits until notifications has stored this number of events. */
  stored(count: number): Promise<void>;
  /** Waits until every notification is in a journal. */
  journaled(): Promise<void>;
  /** Outbox, inbox and journals contain the same events, each once, with ascending seqs. */
  assertEachOnceAndInOrder(): Promise<void>;
}

/** A limit against hanging: a dead relay's lease expires after 15 s, a dead member's session after 10 s, and brokers are slow. */
const WAIT_MAX_MS = 180_000;
const POLL_MS = 100;

export async function openWorld(way: Way): Promise<World> {
  await using resources = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'order-mesh-journals-'));
  resources.defer(() => rm(folder, { recursive: true }));
  const lomsDatabase = resources.use(await createTestDatabase('loms'));
  const notificationsDatabase = resources.use(await createTestDatabase('notifications'));
  // Direct, not through pgbouncer: the test's own queries share no connection with the services.
  const outbox = resources.use(openSql(lomsDatabase.directUrl));
  const inbox = resources.use(openSql(notificationsDatabase.directUrl));
  const own = { DATABASE_POOL_MAX: '5' };
  const relays = resources.use(createHerd('loms', { ...own, ...way.loms, DATABASE_URL: lomsDatabase.url }));
  const receivers = resources.use(createHerd('notifications', { ...own, DATABASE_URL: notificationsDatabase.url }));
  const journals = new Set<string>();
  const count = async (sql: Sql, table: string): Promise<number> => {
    const [row] = await sql(`SELECT count(*)::integer AS count FROM ${table}`);
    return Number(row?.count);
  };
  const owned = resources.move();

  return {
    outbox,
    relays,
    receivers,
    async addReceiver(index) {
      const path = join(folder, `${index}.jsonl`);
      journals.add(path);
      await receivers.add({ ...way.notifications(index), JOURNAL_FILE: path });
    },
    stored: (wanted) => atLeast('events are stored', () => count(inbox, 'notifications'), wanted),
    async journaled() {
      const all = await count(inbox, 'notifications');
      const written = async () => all - (await count(inbox, 'deliveries'));
      await atLeast('notifications are in the journals', written, all);
    },
    async assertEachOnceAndInOrder() {
      const events = await readEvents(outbox, 'outbox');
      assert.deepEqual(await readEvents(inbox, 'notifications'), events);
      assert.deepEqual(await inbox('SELECT reason, message FROM dead_letters'), []);
      assert.deepEqual(await storedTooEarly(inbox), []);
      const files = await Promise.all([...journals].map(readJournal));
      assert.deepEqual(files.flat().map(placeOf).toSorted(), events.map(placeOf).toSorted());
      assertAscending(files);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function atLeast(what: string, count: () => Promise<number>, wanted: number): Promise<void> {
  const until = performance.now() + WAIT_MAX_MS;
  for (;;) {
    const counted = await count();
    if (counted >= wanted) return;
    if (performance.now() > until) throw new Error(`${counted} of ${wanted} ${what}, after ${WAIT_MAX_MS / 1_000} s`);
    await pause(POLL_MS);
  }
}

type Place = { eventID: string; orderID: bigint; seq: number };

async function readEvents(sql: Sql, table: string): Promise<(Place & { user: unknown; status: unknown })[]> {
  const rows = await sql(`SELECT event_id, order_id, seq::integer AS seq, user_id, status FROM ${table}
    ORDER BY order_id, seq`);
  return rows.map(({ event_id, order_id, seq, user_id: user, status }) => {
    return { eventID: String(event_id), orderID: order_id as bigint, seq: Number(seq), user, status };
  });
}

const placeOf = ({ eventID, orderID, seq }: Place): string => `${eventID} ${orderID}/${seq}`;

/** Transaction ids ascend: an event's must not be below its predecessor's. */
function storedTooEarly(inbox: Sql): Promise<Record<string, unknown>[]> {
  return inbox(`SELECT later.order_id, later.seq FROM notifications AS later
    JOIN notifications AS earlier ON earlier.order_id = later.order_id AND earlier.seq = later.seq - 1
    WHERE later.xmin::text::bigint < earlier.xmin::text::bigint`);
}

/** Ordered by line within a file and by time between files, where two files may share a millisecond. */
function assertAscending(files: readonly (readonly Entry[])[]): void {
  for (const entries of files) {
    for (const [orderID, seqs] of seqsByOrder(entries)) {
      const sorted = seqs.toSorted((a, b) => a - b);
      assert.deepEqual(seqs, sorted, `order ${orderID} in one journal`);
    }
  }
  const byTime = files.flat().toSorted((a, b) => a.journaledAt.getTime() - b.journaledAt.getTime() || a.seq - b.seq);
  for (const [orderID, seqs] of seqsByOrder(byTime)) {
    const ascending = seqs.map((_, index) => index + 1);
    assert.deepEqual(seqs, ascending, `order ${orderID} in all journals`);
  }
}

function seqsByOrder(entries: readonly Entry[]): Map<bigint, number[]> {
  const orders = Map.groupBy(entries, ({ orderID }) => orderID);
  return new Map([...orders].map(([orderID, own]) => [orderID, own.map(({ seq }) => seq)]));
}
