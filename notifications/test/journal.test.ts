import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { eventually } from 'testing';
import type { OrderEvent } from '../src/domain/ports.ts';
import { createJournalQueue } from '../src/journal/queue.ts';
import {
  CRASH_POINTS,
  type CrashPoint,
  type Entry,
  type JournalGround,
  openJournalGround,
  startReplica,
  statement,
} from './journal-ground.ts';
import { createEvents } from './order-events.ts';

function keysOf(entries: readonly Pick<Entry, 'orderID' | 'seq'>[]): string[] {
  return entries.map(({ orderID, seq }) => `${orderID}/${seq}`).toSorted();
}

/** Each event is there exactly once; those of an order ascend in each file, and from file to file in time. */
async function assertExactlyOnce(ground: JournalGround, events: readonly OrderEvent[]): Promise<void> {
  const entries = await ground.entries();
  assert.deepEqual(keysOf(entries), keysOf(events));
  const seqs = new Map<bigint, number[]>();
  for (const { orderID, seq } of entries.toSorted((a, b) => a.journaledAt.getTime() - b.journaledAt.getTime())) {
    seqs.set(orderID, [...(seqs.get(orderID) ?? []), seq]);
  }
  for (const of of seqs.values()) {
    assert.deepEqual(
      of,
      of.map((_, index) => index + 1),
    );
  }
}

const DEATH_MAX_MS = 60_000;

/** Two replicas poll at the same interval, so one of them hardly wins so many times in a row. */
const ROUNDS_MAX = 10;
type Events = ReturnType<typeof createEvents>;

describe('The journal', () => {
  let ground: JournalGround;
  beforeEach(async () => {
    ground = await openJournalGround();
  });
  afterEach(() => ground[Symbol.asyncDispose]());

  const replicaAt = (name: string, registry = new Registry()) =>
    startReplica({ database: ground.database, path: ground.pathOf(name), registry });

  it('has each notification once, in the order of its order, and counts them', async () => {
    const events = Array.from({ length: 20 }, () => createEvents(5)).flat();
    const registry = new Registry();
    await using _replica = await replicaAt('one', registry);
    await ground.store(events);
    await ground.drained();
    await assertExactlyOnce(ground, events);
    // The counter follows the acknowledgement.
    await eventually('they are counted', async () =>
      /^deliveries_total\{sink="journal"\} 100$/m.test(await registry.metrics()),
    );
    const text = await registry.metrics();
    assert.match(text, /^delivery_backlog\{sink="journal"\} 0$/m);
    assert.match(text, /^delivery_lag_seconds\{sink="journal"\} 0$/m);
  });

  it('claims all notifications of an order at once, and later ones not before these are acknowledged', async () => {
    const queue = createJournalQueue(ground.database);
    const [one, other] = [createEvents(4), createEvents(2)];
    await ground.store([...one.slice(0, 2), ...other.slice(0, 1)]);
    const context = new AbortController();
    const journalID = randomUUID();
    const claim = (ordersMax: number, written: readonly OrderEvent[]) =>
      queue.claim(journalID, ordersMax, written as never, context);
    const taken = await claim(10, []);
    assert.deepEqual(keysOf(taken), keysOf([...one.slice(0, 2), ...other.slice(0, 1)]));
    await ground.store([...one.slice(2), ...other.slice(1)]);
    assert.deepEqual(keysOf(await claim(10, [])), [], 'their predecessors are not acknowledged');
    const written = taken.filter(({ orderID }) => orderID === one[0]?.orderID);
    assert.deepEqual(keysOf(await claim(10, written)), keysOf(one.slice(2)));
    assert.deepEqual(keysOf(await queue.claim(randomUUID(), 10, [], context)), [], 'nor does another journal');
    const claimed = await queue.claimed(journalID, context);
    assert.deepEqual(keysOf(claimed), keysOf([...one.slice(2), ...other.slice(0, 1)]));
    assert.deepEqual(keysOf(await claim(1, claimed)), keysOf(other.slice(1)));
    assert.equal(await ground.queued(), 1);
  });

  it('has each notification once, in order, when two replicas write one journal each', async () => {
    await using _one = await replicaAt('one');
    await using _two = await replicaAt('two');
    const stored: Events[] = [];
    const linesOf = async (name: string) => (await readFile(ground.pathOf(name), 'utf8')).split('\n').length - 2;
    // The first replica claims all there is; on a busy machine that may be the same one several times.
    for (let round = 0; round < ROUNDS_MAX && !((await linesOf('one')) && (await linesOf('two'))); round++) {
      const orders = Array.from({ length: 20 }, () => createEvents(10));
      stored.push(...orders);
      await Promise.all(orders.map((events) => ground.store(events)));
      await ground.drained();
    }
    await assertExactlyOnce(ground, stored.flat());
    assert.ok((await linesOf('one')) > 0 && (await linesOf('two')) > 0, 'one of the two has written nothing');
  });

  it('reports the backlog and its age while no replica writes', async () => {
    const registry = new Registry();
    await ground.store(createEvents(3));
    await ground.database.run(
      'test',
      statement(
        "UPDATE deliveries SET journal_id = gen_random_uuid(), claimed_at = now(), queued_at = now() - interval '1 minute'",
      ),
    );
    await using _replica = await replicaAt('one', registry);
    const text = await registry.metrics();
    assert.match(text, /^delivery_backlog\{sink="journal"\} 3$/m);
    const [, lagS] = text.match(/^delivery_lag_seconds\{sink="journal"\} ([\d.]+)$/m) ?? [];
    assert.ok(Number(lagS) >= 60, `${lagS} s`);
  });

  /** Runs a process that dies at the point, and waits for its end. */
  async function dieAt(point: CrashPoint, name: string): Promise<void> {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'dying-journal.ts')], {
      env: { ...process.env, CRASH_AT: point, DATABASE: ground.databaseUrl, JOURNAL: ground.pathOf(name) },
      // One that does not come by its point must not stay, nor one whose starter has ended: it heeds the closed channel.
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      timeout: DEATH_MAX_MS,
    });
    const [, signal] = await once(child, 'exit');
    assert.equal(signal, 'SIGKILL');
  }

  for (const point of CRASH_POINTS) {
    it(`has each notification once after kill -9 ${point}, when its replica restarts`, async () => {
      // More than one batch, of which the acknowledged one leaves some.
      const events = Array.from({ length: 300 }, () => createEvents(3)).flat();
      await ground.store(events);
      await dieAt(point, 'one');
      assert.notEqual(await ground.queued(), 0);
      await using _replica = await replicaAt('one');
      await ground.drained();
      await assertExactlyOnce(ground, events);
    });

    it(`has each notification once after kill -9 ${point}, when another replica completes it`, async () => {
      const events = Array.from({ length: 300 }, () => createEvents(2)).flat();
      await ground.store(events);
      await dieAt(point, 'one');
      await using _other = await replicaAt('two');
      // The test does not wait until the claims are stale.
      const age = statement(
        "UPDATE deliveries SET claimed_at = claimed_at - interval '1 minute' WHERE journal_id IS NOT NULL",
      );
      await eventually('all is written', async () => {
        await ground.database.run('test', age);
        return (await ground.queued()) === 0;
      });
      await assertExactlyOnce(ground, events);
    });
  }

  it('continues after a failed write and a failed acknowledgement, and has each notification once', async () => {
    const events = Array.from({ length: 20 }, () => createEvents(3)).flat();
    let calls = 0;
    const failsAtTimes = async <T>(work: () => Promise<T>): Promise<T> => {
      const turn = calls++;
      if (turn % 5 === 1) throw new Error('broke before');
      const result = await work();
      if (turn % 5 === 3) throw new Error('broke after');
      return result;
    };
    await using _replica = await startReplica({
      database: ground.database,
      path: ground.pathOf('one'),
      queue: (queue) => ({
        ...queue,
        claim: (...args) => failsAtTimes(() => queue.claim(...args)),
        acknowledge: (...args) => failsAtTimes(() => queue.acknowledge(...args)),
      }),
      journal: (journal) => ({ ...journal, append: (...args) => failsAtTimes(() => journal.append(...args)) }),
    });
    for (const seq of [1, 2, 3]) {
      await ground.store(events.filter((event) => event.seq === seq));
      await ground.drained();
    }
    await assertExactlyOnce(ground, events);
    assert.ok(calls >= 10, `only ${calls} calls`);
  });

  it('recovers a claim whose answer was lost', async () => {
    await using _replica = await replicaAt('one');
    const [header = ''] = (await readFile(ground.pathOf('one'), 'utf8')).split('\n');
    const events = createEvents(2);
    // As after a claim whose answer was lost: the row is claimed, and the journal does not know it.
    const claim = statement(`UPDATE deliveries SET journal_id = $1, claimed_at = now() - interval '1 minute'`, [
      JSON.parse(header).journal,
    ]);
    await ground.database.run('test', statement("ALTER TABLE deliveries ALTER available_at SET DEFAULT 'infinity'"));
    await ground.store(events);
    await ground.database.run('test', claim);
    await ground.drained();
    await assertExactlyOnce(ground, events);
  });
});
