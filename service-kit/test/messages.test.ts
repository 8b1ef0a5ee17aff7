import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createTestDatabase, type TestDatabase } from 'testing';
import {
  CommitUnconfirmed,
  type Database,
  type Executor,
  openDatabase,
  preparedStatement,
  type Statement,
  statement,
} from '../src/index.ts';

/** Only against hanging: what is waited for takes milliseconds on a quiet machine. */
const WAIT_MAX_MS = 14_000;

describe('The messages of a database', () => {
  let own: TestDatabase;
  /** Past pgbouncer. */
  let beside: Database;
  let registry: Registry;
  let database: Database;

  const open = (url: string, poolMax: number, registry = new Registry()) =>
    openDatabase({ url, poolMax, logger: pino({ level: 'silent' }), registry });

  before(async () => {
    own = await createTestDatabase('products');
    beside = open(own.directUrl, 2);
    await beside.query('CREATE TABLE noted (id integer PRIMARY KEY)');
  });

  beforeEach(async () => {
    await beside.query('TRUNCATE noted');
    registry = new Registry();
    database = open(own.url, 2, registry);
  });

  afterEach(() => database[Symbol.asyncDispose]());

  after(async () => {
    await beside[Symbol.asyncDispose]();
    await own[Symbol.asyncDispose]();
  });

  const note = (id: number) => statement`INSERT INTO noted (id) VALUES (${id}) RETURNING id`;
  const noted = async () => (await beside.query('SELECT id FROM noted ORDER BY id')).map(({ id }) => id);
  const text = (words: string, ...values: unknown[]): Statement => ({ toParam: () => ({ text: words, values }) });
  const ofPid = () => statement`SELECT pg_current_xact_id()::text AS id, ${1}::integer`;

  async function timesOf(query: string): Promise<number> {
    const metric = await registry.getSingleMetric('db_query_duration_seconds')?.get();
    const counts = metric?.values as { labels: { query: string }; metricName?: string; value: number }[];
    const found = counts.find(({ labels, metricName }) => labels.query === query && metricName?.endsWith('_count'));
    return found?.value ?? 0;
  }

  it('carry statements that start together, each with its own answer, in one transaction', async () => {
    const [one, rows, other] = await database.transaction((transaction) =>
      Promise.all([
        transaction.run<{ id: string }>('transaction', ofPid()),
        transaction.run('numbers', statement`SELECT n FROM generate_series(1, ${3}) n`),
        transaction.run<{ id: string }>('transaction', ofPid()),
      ]),
    );
    assert.equal(one?.[0]?.id, other?.[0]?.id);
    assert.deepEqual(rows, [{ n: 1 }, { n: 2 }, { n: 3 }]);
    assert.deepEqual([await timesOf('BEGIN'), await timesOf('COMMIT')], [1, 1]);
  });

  it('end with a COMMIT where the last statement says so, and let no other statement follow', async () => {
    const transaction = database.transaction(async (executor) => {
      assert.deepEqual(await executor.run('note', note(1), { isLast: true }), [{ id: 1 }]);
      assert.deepEqual(await noted(), [1]);
      await executor.run('note', note(2));
    });
    await assert.rejects(transaction, /committed by its last statement/);
    assert.deepEqual(await noted(), [1]);
    assert.equal(await timesOf('COMMIT'), 0);
  });

  const failing: Record<string, (executor: Executor) => Promise<unknown>> = {
    'the first': (executor) =>
      Promise.all([executor.run('note', note(1)), executor.run('note', note(2), { isLast: true })]),
    'the last': (executor) =>
      Promise.all([executor.run('note', note(2)), executor.run('note', note(1), { isLast: true })]),
    'a lone one': (executor) => executor.run('note', note(1), { isLast: true }),
  };
  for (const [which, work] of Object.entries(failing)) {
    it(`change nothing if ${which} of their statements fails, and the connection goes on`, async () => {
      await beside.query('INSERT INTO noted VALUES (1)');
      await assert.rejects(database.transaction(work), { code: '23505' });
      assert.deepEqual(await noted(), [1]);
      await database.transaction((executor) => executor.run('note', note(3), { isLast: true }));
      assert.deepEqual(await noted(), [1, 3]);
    });
  }

  it('change nothing if their COMMIT fails', async () => {
    await beside.query('CREATE TABLE checked (id integer UNIQUE DEFERRABLE INITIALLY DEFERRED)');
    await beside.query('INSERT INTO checked VALUES (1)');
    const insert = (id: number) => statement`INSERT INTO checked VALUES (${id})`;
    const work = database.transaction((executor) => executor.run('insert', insert(1), { isLast: true }));
    await assert.rejects(work, { code: '23505' });
    await database.transaction((executor) => executor.run('insert', insert(2), { isLast: true }));
    assert.deepEqual(await beside.query('SELECT id FROM checked ORDER BY id'), [{ id: 1 }, { id: 2 }]);
  });

  it('are never half sent, and a value that cannot be read fails its own message only', async () => {
    const circular: { self?: unknown } = {};
    circular.self = circular;
    const unsendable = database.transaction((executor) =>
      Promise.all([executor.run('note', note(1)), executor.run('note', text('SELECT $1::jsonb', circular))]),
    );
    await assert.rejects(unsendable, TypeError);
    await assert.rejects(database.run('read', text('SELECT $1::numeric', '1.5')), SyntaxError);
    assert.deepEqual(await database.run('read', text('SELECT $1::integer AS n', 1)), [{ n: 1 }]);
    assert.deepEqual(await noted(), []);
  });

  it('with a COMMIT leave unknown what became of it when their connection breaks', async () => {
    await beside.query('INSERT INTO noted VALUES (1)');
    const ended = await beside.transaction(async (holder) => {
      await holder.run('lock', text('SELECT id FROM noted FOR UPDATE'));
      const remove = statement`DELETE FROM noted WHERE id = ${1}`;
      const removing = database
        .transaction((executor) => executor.run('remove', remove, { isLast: true }))
        .catch((error: unknown) => error);
      const terminate = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      const until = performance.now() + WAIT_MAX_MS;
      while ((await beside.query(terminate)).length === 0) {
        assert.ok(performance.now() < until, 'the statement never waited for the lock');
        await sleep(5);
      }
      return { removing };
    });
    assert.ok((await ended.removing) instanceof CommitUnconfirmed);
    assert.deepEqual(await noted(), [1]);
  });

  describe('with prepared statements', () => {
    const double = (n: number) => preparedStatement`SELECT ${n}::integer * 2 AS doubled`;
    const kept = "SELECT count(*)::integer AS kept FROM pg_prepared_statements WHERE statement LIKE '%AS doubled'";

    it('answer alike over all connections of pgbouncer, in and out of transactions', async () => {
      const wide = open(own.url, 8);
      const answers = await Promise.all(
        Array.from({ length: 200 }, async (_, n) => {
          const run = (executor: Executor) => executor.run<{ doubled: number }>('double', double(n), { isLast: true });
          const [row] = await (n % 2 ? wide.transaction(run) : run(wide));
          return row?.doubled;
        }),
      );
      await wide[Symbol.asyncDispose]();
      assert.deepEqual(
        answers,
        answers.map((_, n) => n * 2),
      );
    });

    it('are parsed once for each connection', async () => {
      const direct = open(own.directUrl, 1);
      for (let n = 1; n <= 3; n++) assert.deepEqual(await direct.run('double', double(n)), [{ doubled: n * 2 }]);
      assert.deepEqual(await direct.query(kept), [{ kept: 1 }]);
      await direct[Symbol.asyncDispose]();
    });

    it('run a transaction again, once, when the server has lost a statement', async () => {
      const direct = open(own.directUrl, 1);
      await direct.run('double', double(1));
      await direct.query('DEALLOCATE ALL');
      assert.deepEqual(await direct.run('double', double(2)), [{ doubled: 4 }]);
      await direct.query('DEALLOCATE ALL');
      let runs = 0;
      const rows = await direct.transaction(async (executor) => {
        runs += 1;
        await executor.run('note', note(1));
        return executor.run('double', double(3), { isLast: true });
      });
      assert.deepEqual([rows, runs, await noted()], [[{ doubled: 6 }], 2, [1]]);
      await direct[Symbol.asyncDispose]();
    });

    it('answer the columns of the table as it is after a migration', async () => {
      const direct = open(own.directUrl, 1);
      await beside.query('CREATE TABLE grown AS SELECT 1 AS id');
      const all = () => direct.run('all', preparedStatement`SELECT * FROM grown WHERE id = ${1}`);
      assert.deepEqual(await all(), [{ id: 1 }]);
      await beside.query("ALTER TABLE grown ADD COLUMN name text DEFAULT 'x'");
      assert.deepEqual(await all(), [{ id: 1, name: 'x' }]);
      await direct[Symbol.asyncDispose]();
    });
  });
});
