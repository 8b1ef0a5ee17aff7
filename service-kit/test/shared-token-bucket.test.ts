import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import type { Limiter, RpcError, Token } from 'rpc-kit';
import { createTestDatabase, type TestDatabase } from 'testing';
import { createSharedTokenBucket, type Database, DatabaseUnavailable, openDatabase, sql } from '../src/index.ts';

/** Longer than a test may take: who would have to wait for it fails, however slow the machine is. */
const FOR_EVER_MS = 120_000;
/** A limit against hanging. */
const WITHIN_MS = 10_000;

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

  function replicas(tokens: number, options: { leaseMs?: number; waitersMax?: number; intervalMs?: number } = {}) {
    const settings = { name, tokens, intervalMs, waitersMax: 30, leaseMs: FOR_EVER_MS, logger, ...options };
    const on = (database: Database): Limiter => createSharedTokenBucket({ database, ...settings });
    return [on(databases[0]), on(databases[1])] as const;
  }

  /** When the uses began, in ascending order. */
  async function useAll(buckets: readonly Limiter[], users: number, useMs: () => number): Promise<number[]> {
    const begun: number[] = [];
    const uses = Array.from({ length: users }, async (_, user) => {
      using _token = await (buckets[user % buckets.length] as Limiter).take();
      begun.push(performance.now());
      await sleep(useMs());
    });
    await Promise.all(uses);
    return begun;
  }

  /** The row of a limit's only token. */
  async function tokenOf(limit: string): Promise<{ readonly grants: bigint; readonly isBack: boolean }> {
    const token = sql
      .select()
      .field('grants')
      .field('back_at <= clock_timestamp()', 'is_back')
      .from('rate_limit_tokens')
      .where('name = ?', limit);
    const [row] = await databases[0].run<{ grants: bigint; is_back: boolean }>('look at token', token);
    assert.ok(row);
    return { grants: row.grants, isBack: row.is_back };
  }

  async function until(isSo: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + WITHIN_MS;
    while (!(await isSo())) {
      assert(performance.now() < deadline, `it did not come to that within ${WITHIN_MS} ms`);
      await sleep(5);
    }
  }

  /** The shortest time in which one use more than there are tokens began. */
  function closest(begun: number[], tokens: number): number {
    return Math.min(...begun.slice(tokens).map((at, index) => at - (begun[index] as number)));
  }

  it('grants all replicas together as many uses in any interval as there are tokens, and no fewer', async () => {
    // The lease of a token outlasts this test, so only a release frees it.
    const begun = await useAll(replicas(5), 30, () => Math.random() * 30);
    assert.equal(begun.length, 30);
    const closestMs = closest(begun, 5);
    assert(closestMs >= intervalMs, `five uses and one more began within ${closestMs} ms`);
  });

  it('never grants a token twice, however many concurrent callers there are', async () => {
    const crowd = Array.from({ length: 6 }, (_, index) => replicas(3)[index % 2] as Limiter);
    const begun = await useAll(crowd, 18, () => 0);
    const closestMs = closest(begun, 3);
    assert(closestMs >= intervalMs, `three uses and one more began within ${closestMs} ms`);
  });

  it('is first in, first out within a replica', async () => {
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

  it('keeps a token unavailable during its use in another replica, and one interval more', async () => {
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
    assert(awayMs >= intervalMs, `the token was away for ${awayMs} ms`);
  });

  it('lets a waiter leave, and serves the next one', async () => {
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

  it('releases a token unused when all waiters have left', async () => {
    const [first] = replicas(1);
    (await first.take())[Symbol.dispose]();
    await until(async () => (await tokenOf(name)).isBack);
    // As a used token it would be unavailable for ever.
    const [bucket, other] = replicas(1, { intervalMs: FOR_EVER_MS });
    const caller = new AbortController();
    const leaving = bucket.take(caller.signal);
    caller.abort();
    await assert.rejects(leaving);
    // Claimed, and released: a claim in between would find no token, and pause for the whole interval.
    await until(async () => {
      const { grants, isBack } = await tokenOf(name);
      return grants === 2n && isBack;
    });
    (await other.take())[Symbol.dispose]();
    assert.equal((await tokenOf(name)).grants, 3n);
  });

  it('refuses a caller beyond the maximum of waiters', async () => {
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

  it('frees the token of a dead holder after its lease and an interval, and ignores a late release', async () => {
    const leaseMs = 200;
    const [dead, alive] = replicas(1, { leaseMs });
    const takenAt = performance.now();
    const late: Token = await dead.take();
    const token = await alive.take();
    const awayMs = performance.now() - takenAt;
    assert(awayMs >= leaseMs + intervalMs, `the token was away for ${awayMs} ms`);
    late[Symbol.dispose]();
    token[Symbol.dispose]();
    const givenBackAt = performance.now();
    (await alive.take())[Symbol.dispose]();
    assert(performance.now() - givenBackAt >= intervalMs, 'giving back late has set another use of the token free');
  });

  it('queries about as often as tokens become free, however many callers wait', async () => {
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

  it('fails as unavailable for all waiters while the database is down, and grants no token', async () => {
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
