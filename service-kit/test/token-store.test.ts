import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createClient, createSharedLimit, defineService, implement, rateLimit, type SharedLimitOptions } from 'rpc-kit';
import { createTestDatabase, type TestDatabase } from 'testing';
import { z } from 'zod';
import { createTokenStore, type Database, openDatabase, serviceOptions } from '../src/index.ts';
import { parseMethodLimits } from '../src/serving/method-limit.ts';
import { openMethodLimits } from '../src/serving/open-method-limits.ts';

const RUNS = 6;
/** Against hanging: a run takes a second or two. */
const TIMEOUT_MS = 120_000;

const bell = defineService(
  'bell',
  { summary: 'Rings.', version: '0.1.0' },
  {
    ring: {
      summary: 'Rings.',
      params: z.strictObject({}),
      result: z.object({}),
      timeoutMs: 60_000,
      example: { params: {}, result: {} },
    },
  },
);

describe('A limit that replicas share through Postgres', function () {
  this.timeout(TIMEOUT_MS);
  const logger = pino({ level: 'silent' });
  let own: TestDatabase;
  /** A pool for each of three replicas. */
  let databases: readonly Database[];
  let limits = 0;

  before(async () => {
    own = await createTestDatabase('accounts');
    const open = () => openDatabase({ url: own.url, poolMax: 2, logger, registry: new Registry() });
    databases = [open(), open(), open()];
  });
  after(async () => {
    for (const database of databases ?? []) await database[Symbol.asyncDispose]();
    await own?.[Symbol.asyncDispose]();
  });

  type Limit = Pick<SharedLimitOptions, 'tokens' | 'intervalMs'> & Partial<SharedLimitOptions>;

  function startReplicas(count: number, limit: Limit) {
    const name = `limit ${++limits}`;
    return databases.slice(0, count).map((database) => {
      const store = createTokenStore(database);
      return createSharedLimit({ name, waitersMax: 1_000, storeTimeoutMs: 30_000, ...limit, store });
    });
  }

  for (const count of [2, 3]) {
    it(`lets ${count} replicas start no more than the limit, the burst, and a block for each of them, in any window`, async () => {
      const plan = fc.record({
        tokens: fc.integer({ min: 20, max: 200 }),
        burst: fc.integer({ min: 1, max: 20 }),
        block: fc.integer({ min: 1, max: 10 }),
      });
      await fc.assert(
        fc.asyncProperty(plan, async ({ tokens, burst, block }) => {
          const replicas = startReplicas(count, { tokens, intervalMs: 1_000, burst, block });
          const starts: number[] = [];
          const takes = Array.from({ length: burst + count * block + 10 }, async (_, index) => {
            await sleep(Math.random() * 100);
            await replicas[index % count]?.take();
            starts.push(performance.now());
          });
          await Promise.all(takes);
          for (let first = 0; first < starts.length; first++) {
            for (let last = first; last < starts.length; last++) {
              const ms = (starts[last] as number) - (starts[first] as number);
              const most = (tokens * ms) / 1_000 + burst + count * block;
              assert.ok(last - first + 1 <= most, `${last - first + 1} in ${ms} ms, at most ${most}`);
            }
          }
        }),
        { numRuns: RUNS },
      );
    });
  }

  it('limits any method of a service, whichever replica is called', async () => {
    const replicas = startReplicas(3, { tokens: 1, intervalMs: 60_000, burst: 5, waitersMax: 0 });
    let rung = 0;
    const ring = async () => {
      rung += 1;
      return {};
    };
    const clients = replicas.map((limit) =>
      createClient(bell, implement(bell, { ring }, { interceptors: [rateLimit(limit, { methods: ['ring'] })] })),
    );
    const calls = Array.from({ length: 30 }, (_, index) => clients[index % 3]?.ring({}));
    const outcomes = await Promise.allSettled(calls);
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : []));
    assert.deepEqual([rung, refused], [5, Array(25).fill('resource_exhausted')]);
  });

  it('is granted by each replica alone while Postgres does not answer', async () => {
    const gone = openDatabase({ url: own.url, poolMax: 1, logger, registry: new Registry() });
    await gone[Symbol.asyncDispose]();
    const failures: string[] = [];
    const shared = createSharedLimit({
      name: 'alone',
      store: createTokenStore(gone),
      tokens: 4,
      block: 4,
      intervalMs: 60_000,
      waitersMax: 0,
      on: { storeFailed: ({ error }) => failures.push(error.code) },
    });
    for (let each = 0; each < 4; each++) await shared.take();
    await assert.rejects(shared.take(), { code: 'resource_exhausted' });
    assert.equal(failures.length, 1);
  });

  describe('as METHOD_LIMITS', () => {
    const lines: { level: number; msg: string }[] = [];
    const capturing = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });

    /** A replica with the limits, called in this process. */
    function startLimited(database: Database, text: string) {
      const registry = new Registry();
      const limits = openMethodLimits(bell, parseMethodLimits(text), { database, logger: capturing, registry });
      const options = serviceOptions({ logger, registry, configured: limits });
      return { registry, client: createClient(bell, implement(bell, { ring: async () => ({}) }, options)) };
    }

    it('holds over all replicas, and is counted', async () => {
      const replicas = databases.map((database) => startLimited(database, 'ring:3/min'));
      const calls = Array.from({ length: 9 }, (_, index) => replicas[index % 3]?.client.ring({}));
      const outcomes = await Promise.allSettled(calls);
      assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 3);
      const metrics = await replicas[0]?.registry.metrics();
      assert.match(metrics ?? '', /rpc_limiter_leases_total\{limiter="ring",outcome="granted"\} \d/);
    });

    it('is kept by each replica alone while the database does not answer, and the log says so once', async () => {
      const gone = openDatabase({ url: own.url, poolMax: 1, logger, registry: new Registry() });
      await gone[Symbol.asyncDispose]();
      const { client } = startLimited(gone, 'ring:2/min');
      const outcomes = await Promise.allSettled([1, 2, 3, 4].map(() => client.ring({})));
      assert.deepEqual(
        outcomes.map(({ status }) => status),
        ['fulfilled', 'fulfilled', 'rejected', 'rejected'],
      );
      const warnings = lines.filter(({ level }) => level === 40).map(({ msg }) => msg);
      assert.deepEqual(warnings, [
        'the database grants no tokens of METHOD_LIMITS; this process limits the method alone',
      ]);
    });

    it('is refused for a method that the service does not have, in a sentence', () => {
      const [database] = databases as [Database];
      assert.throws(() => startLimited(database, 'sing:2/min'), {
        name: 'ConfigError',
        message: 'METHOD_LIMITS is wrong: bell has no method "sing"',
      });
    });
  });
});
