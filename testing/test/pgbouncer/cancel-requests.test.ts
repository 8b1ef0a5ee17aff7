import assert from 'node:assert/strict';
import pg from 'pg';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { openDatabase, type Statement } from 'service-kit';
import { eventually } from '../../src/patience.ts';
import { findTestPgbouncer } from '../../src/test-server.ts';
import { startMortalDatabase } from './mortal-database.ts';

/** Fewer than the connections of pgbouncer, so that each has one. */
const LEAVING = 8;
const OTHERS = 12;
const TIMEOUT_MS = 90_000;

const text = (words: string): Statement => ({ toParam: () => ({ text: words, values: [] }) });

describe('Callers that leave while Postgres is slow to accept cancel requests', () => {
  it('break no connections to pgbouncer that were opened after theirs', async () => {
    const program = findTestPgbouncer();
    assert.ok(program, 'without pgbouncer testing/src/run/test.ts leaves this file out');
    await using mortal = await startMortalDatabase(program);
    const [logger, registry] = [pino({ level: 'silent' }), new Registry()];
    await using database = openDatabase({ url: mortal.url, poolMax: LEAVING, logger, registry });
    const caller = new AbortController();
    const reason = new Error('the callers left');
    const left = Array.from({ length: LEAVING }, () => database.run('sleep', text('SELECT pg_sleep(4)'), caller));
    const outcomes = Promise.allSettled(left);
    const asleep = "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    await using beside = openDatabase({ url: mortal.superuserUrl, poolMax: 1, logger, registry: new Registry() });
    await eventually('all are asleep', async () => (await beside.query(asleep)).length === LEAVING);

    const errors: string[] = [];
    const others = Array.from({ length: OTHERS }, () => new pg.Client({ connectionString: mortal.url }));
    for (const other of others) other.on('error', ({ message }) => errors.push(message));
    try {
      await mortal.postgres.pauseWhile(async () => {
        caller.abort(reason);
        // They wait at most a second for their cancel requests.
        for (const outcome of await outcomes) assert.equal(outcome.status === 'rejected' && outcome.reason, reason);
        await Promise.all(others.map((other) => other.connect()));
      });
      await eventually('no statement sleeps', async () => (await beside.query(asleep)).length === 0);
      // Through pgbouncer, and so after the cancel requests that it has forwarded.
      await eventually('connections are available again', () =>
        database.run('say', text('SELECT 1')).then(Boolean, () => false),
      );
      const answers = await Promise.all(
        others.map(async (other) => (await other.query('SELECT 1 AS one')).rows[0]?.one),
      );
      assert.deepEqual(answers, Array<number>(OTHERS).fill(1));
      assert.deepEqual(errors, []);
    } finally {
      await Promise.all(others.map((other) => other.end().catch(() => {})));
    }
  }).timeout(TIMEOUT_MS);
});
