import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTestDatabase, type TestDatabase } from 'local/testing';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import type { Limiter, RpcError, Token } from 'rpc-kit';
import { createSharedTokenBucket, type Database, DatabaseUnavailable, openDatabase } from '../src/index.ts';

describe('a token bucket shared through Postgres', () => {
  const logger = pino({ level: 'silent' });
  const intervalMs = 300;
  let own: TestDatabase;
  /** A pool for each of two replicas. */
  let databases: [Database, Database];
  let name: string;
  let limits = 0;

  const open = (url: string, poolMax = 5) => openDatabase({ url, poolMax, logger, registry: new Registry() });

  before(async () => {
    own = await createTestDatabase('checkout');
    databases = [open(own.url), open(own.url)];
  });

  beforeEach(() => {
    limits += 1;
    name = `limit ${limits}`;
  });

  after(async () => {
    for (const database of databases) await database[Symbol.asyncDispose]();
    await own[Symbol.asyncDispose]();
  });

  function replicas(tokens: number, { leaseMs = 5_000, waitersMax = 30 } = {}): [Limiter, Limiter] {
    const on = (database: Database) =>
      createSharedTokenBucket({ database, name, tokens, intervalMs, waitersMax, leaseMs, logger });
    return [on(databases[0]), on(databases[1])];
  }

  /** When the uses began, in ascending order. */
  async function useAll(buckets: Limiter[], users: number, useMs: () => number): Promise<number[]> {
    const begun: number[] = [];
    const uses = Array.from({ length: users }, async (_, user) => {
      using _token = await (buckets[user % buckets.length] as Limiter).take();
      begun.push(performance.now());
      await sleep(useMs());
    });
    await Promise.all(uses);
    return begun;
  }

  /** The shortest time in which one use more than there are tokens began. */
  function closest(begun: number[], tokens: number): number {
    return Math.min(...begun.slice(tokens).map((at, index) => at - (begun[index] as number)));
  }

  it('lets all replicas together have as many uses in any interval as there are tokens, and makes use of them', async () => {
    const begun = await useAll(replicas(5), 30, () => Math.random() * 30);
    assert.equal(begun.length, 30);
    const closestMs = closest(begun, 5);
    assert(closestMs >= intervalMs, `five uses and one more began within ${closestMs} ms`);
    const tookMs = (begun.at(-1) as number) - (begun[0] as number);
    assert(tookMs < 2 * 5 * intervalMs, `the limit was left unused: 30 uses took ${tookMs} ms`);
  });

  it('never hands a token to two, however many ask for it at once', async () => {
    const crowd = Array.from({ length: 6 }, (_, index) => replicas(3)[index % 2] as Limiter);
    const begun = await useAll(crowd, 18, () => 0);
    const closestMs = closest(begun, 3);
    assert(closestMs >= intervalMs, `three uses and one more began within ${closestMs} ms`);
  });

  it('serves first who came first within a replica', async () => {
    const served: number[][] = [[], []];
    const uses = replicas(5).flatMap((bucket, replica) =>
      Array.from({ length: 8 }, async (_, user) => {
        using _token = await bucket.take();
        served[replica]?.push(user);
      }),
    );
    await Promise.all(uses);
    assert.deepEqual(served, [
      [0, 1, 2, 3, 4, 5, 6, 7],
      [0, 1, 2, 3, 4, 5, 6, 7],
    ]);
  });

  it('keeps a token away while it is used in another replica, and an interval more', async () => {
    const [here, there] = replicas(1);
    const token = await here.take();
    let served = false;
    const next = there.take().then((other) => {
      served = true;
      other[Symbol.dispose]();
    });
    await sleep(2 * intervalMs);
    assert.equal(served, false);
    const givenBackAt = performance.now();
    token[Symbol.dispose]();
    await next;
    const awayMs = performance.now() - givenBackAt;
    assert(awayMs >= intervalMs && awayMs < 3 * intervalMs, `the token was away for ${awayMs} ms`);
  });

  it('lets a waiter leave, whose place the next one takes', async () => {
    const [bucket, other] = replicas(1);
    const token = await other.take();
    const caller = new AbortController();
    const leaving = bucket.take(caller.signal);
    const staying = bucket.take();
    assert.equal(bucket.waiting, 2);
    caller.abort();
    assert.equal(bucket.waiting, 1);
    await assert.rejects(leaving, { code: 'cancelled' });
    token[Symbol.dispose]();
    (await staying)[Symbol.dispose]();
    assert.equal(bucket.waiting, 0);
  });

  it('gives back unused what comes when all have left', async () => {
    const [bucket, other] = replicas(1);
    (await bucket.take())[Symbol.dispose]();
    await sleep(intervalMs + 50);
    const caller = new AbortController();
    const leaving = bucket.take(caller.signal);
    caller.abort();
    await assert.rejects(leaving);
    await sleep(50);
    const askedAt = performance.now();
    (await other.take())[Symbol.dispose]();
    assert(performance.now() - askedAt < intervalMs / 2, 'the token was away as if it had been used');
  });

  it('refuses one more than may wait', async () => {
    const [bucket, other] = replicas(1, { waitersMax: 2 });
    const token = await other.take();
    const callers = new AbortController();
    const waiting = [bucket.take(callers.signal), bucket.take(callers.signal)];
    const refused = await bucket.take().catch((error: RpcError) => error);
    const { code, retryAfterMs } = refused as RpcError;
    assert.deepEqual({ code, retryAfterMs }, { code: 'resource_exhausted', retryAfterMs: intervalMs });
    callers.abort();
    await Promise.allSettled(waiting);
    token[Symbol.dispose]();
  });

  it('takes a token back whose holder died, after its lease and an interval, and nothing from who gives back later', async () => {
    const leaseMs = 200;
    const [dead, alive] = replicas(1, { leaseMs });
    const late: Token = await dead.take();
    const takenAt = performance.now();
    const token = await alive.take();
    const awayMs = performance.now() - takenAt;
    assert(awayMs >= leaseMs + intervalMs - 50 && awayMs < 3 * intervalMs, `the token was away for ${awayMs} ms`);
    late[Symbol.dispose]();
    token[Symbol.dispose]();
    const givenBackAt = performance.now();
    (await alive.take())[Symbol.dispose]();
    assert(performance.now() - givenBackAt >= intervalMs, 'giving back late has set another use of the token free');
  });

  it('asks about as often as tokens come back, however many wait', async () => {
    let asked = 0;
    const [database] = databases;
    const counted: Pick<Database, 'run'> = {
      run(query, statement) {
        if (query === 'take token') asked += 1;
        return database.run(query, statement);
      },
    };
    const bucket = createSharedTokenBucket({
      database: counted as Database,
      name,
      tokens: 5,
      intervalMs,
      waitersMax: 30,
    });
    await useAll([bucket], 30, () => 10);
    assert(asked <= 60, `30 tokens took ${asked} questions`);
  });

  it('fails as unavailable while the database is away, for all who wait, and lets nobody through', async () => {
    const nowhere = new URL(own.url);
    nowhere.port = '1';
    await using database = open(nowhere.href);
    const bucket = createSharedTokenBucket({ database, name, tokens: 5, intervalMs, waitersMax: 30, logger });
    const takes = await Promise.allSettled([bucket.take(), bucket.take(), bucket.take()]);
    const reasons = takes.map((take) => take.status === 'rejected' && take.reason);
    assert(reasons.every((reason) => reason instanceof DatabaseUnavailable));
    assert.equal(bucket.waiting, 0);
  });
});
