import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createClient, defineService, implement, RpcError } from 'rpc-kit';
import { createTestDatabase, type TestDatabase } from 'testing';
import { z } from 'zod';
import { CommitUnconfirmed, type Database, databaseErrors, openDatabase, type Statement, sql } from '../src/index.ts';

/** https://www.postgresql.org/docs/current/protocol-message-formats.html */
const CANCEL_REQUEST_CODE = 80_877_102;
/** Only against hanging: what is waited for takes milliseconds on a quiet machine. */
const WAIT_MAX_MS = 14_000;

describe('A statement whose caller leaves', () => {
  const logger = pino({ level: 'silent' });
  const reason = new Error('the caller left');
  let own: TestDatabase;
  /** Past pgbouncer, so that its connections are not those of the database that is tested. */
  let beside: Database;
  let registry: Registry;
  let database: Database;
  let caller: AbortController;

  const open = (url: string, poolMax: number) => openDatabase({ url, poolMax, logger, registry: new Registry() });

  before(async () => {
    own = await createTestDatabase('products');
    beside = open(own.directUrl, 5);
    await beside.query(
      'CREATE FUNCTION wait_for_others() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM 1 FROM locked FOR UPDATE; RETURN NULL; END $$',
    );
    await beside.query('CREATE TABLE locked (id integer PRIMARY KEY)');
    await beside.query('CREATE TABLE noted (id integer PRIMARY KEY)');
    await beside.query('CREATE TABLE waits_at_commit (id integer PRIMARY KEY)');
    await beside.query(
      'CREATE CONSTRAINT TRIGGER waits AFTER INSERT ON waits_at_commit DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_for_others()',
    );
    await beside.query('INSERT INTO locked VALUES (1)');
  });

  beforeEach(async () => {
    await beside.query('DELETE FROM noted');
    await beside.query('DELETE FROM waits_at_commit');
    registry = new Registry();
    database = openDatabase({ url: own.url, poolMax: 2, logger, registry });
    caller = new AbortController();
  });

  afterEach(() => database[Symbol.asyncDispose]());

  after(async () => {
    await beside[Symbol.asyncDispose]();
    await own[Symbol.asyncDispose]();
  });

  const text = (words: string, ...values: unknown[]): Statement => ({ toParam: () => ({ text: words, values }) });
  const lockRow = text('SELECT id FROM locked FOR UPDATE');
  const note = (id: number, table = 'noted') => sql.insert().into(table).set('id', id);
  const count = async (table: string) =>
    (await beside.query(`SELECT count(*)::integer AS rows FROM ${table}`))[0]?.rows;
  /** Statements that wait for a lock. */
  const blocked = async () =>
    await beside.query(
      `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );

  async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
    const until = performance.now() + WAIT_MAX_MS;
    while (!(await holds())) {
      if (performance.now() > until) throw new Error(`${what}: still not so after ${WAIT_MAX_MS} ms`);
      await sleep(5);
    }
  }

  /** Keeps the row locked while the work runs. */
  async function whileLocked<T>(work: () => Promise<T>): Promise<T> {
    return await beside.transaction(async (holder) => {
      await holder.run('lock', lockRow);
      return await work();
    });
  }

  const cancelledStatements = async () =>
    (await registry.getSingleMetric('db_statements_cancelled_total')?.get())?.values;

  it('is cancelled at the database, fails with the reason of the caller, and returns its connection', async () => {
    await whileLocked(async () => {
      const run = database.run('wait', lockRow, caller);
      await eventually('it waits', async () => (await blocked()).length === 1);
      caller.abort(reason);
      await assert.rejects(run, reason);
      await eventually('nothing waits', async () => (await blocked()).length === 0);
    });
    assert.deepEqual(await cancelledStatements(), [{ labels: { query: 'wait' }, value: 1 }]);
    const [first, second] = await Promise.all(
      [1, 2].map((n) => database.run('say', text('SELECT $1::integer AS said', n))),
    );
    assert.deepEqual([first, second], [[{ said: 1 }], [{ said: 2 }]]);
  });

  it('ends its transaction and its locks', async () => {
    await whileLocked(async () => {
      const half = database.transaction(async (transaction) => {
        await transaction.run('note', note(1));
        await transaction.run('wait', lockRow);
      }, caller);
      await eventually('it waits', async () => (await blocked()).length === 1);
      caller.abort(reason);
      await assert.rejects(half, reason);
      assert.equal(await count('noted'), 0);
      const [row] = await beside.query(
        `SELECT count(*)::integer AS locks FROM pg_locks JOIN pg_class ON pg_class.oid = relation WHERE relname = 'noted' AND pid <> pg_backend_pid()`,
      );
      assert.deepEqual(row, { locks: 0 });
    });
  });

  it('leaves the transaction rolled back when the caller leaves after the last statement', async () => {
    const half = database.transaction(async (transaction) => {
      await transaction.run('note', note(1));
      caller.abort(reason);
    }, caller);
    await assert.rejects(half, reason);
    assert.equal(await count('noted'), 0);
  });

  it('is not cancelled if it is the COMMIT', async () => {
    let saving: Promise<void> | undefined;
    await whileLocked(async () => {
      saving = database.transaction(async (transaction) => {
        await transaction.run('note', note(1, 'waits_at_commit'));
      }, caller);
      await eventually('the COMMIT waits', async () => (await blocked()).length === 1);
      caller.abort(reason);
      await sleep(100);
      assert.equal((await blocked()).length, 1);
    });
    await saving;
    assert.equal(await count('waits_at_commit'), 1);
  });

  it('leaves the queue for a connection: after fifty have left, the next one is served', async () => {
    await using narrow = open(own.url, 1);
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const holding = narrow.transaction(async (transaction) => {
      await transaction.run('say', text('SELECT 1'));
      await released;
    });
    const leaving = Array.from({ length: 50 }, (_, index) =>
      index % 2
        ? narrow.run('note', note(index), caller)
        : narrow.transaction((own) => own.run('note', note(index)), caller),
    );
    const staying = narrow.run('say', text('SELECT 2 AS said'));
    caller.abort(reason);
    for (const left of await Promise.allSettled(leaving))
      assert.equal(left.status === 'rejected' && left.reason, reason);
    release();
    await holding;
    assert.deepEqual(await staying, [{ said: 2 }]);
    assert.deepEqual(await narrow.run('say', text('SELECT 3 AS said')), [{ said: 3 }]);
    assert.equal(await count('noted'), 0);
  });

  it('leaves a connection that is being opened to the next caller', async () => {
    const run = database.run('note', note(1), caller);
    caller.abort(reason);
    await assert.rejects(run, reason);
    assert.deepEqual(await database.run('say', text('SELECT 1 AS said')), [{ said: 1 }]);
    assert.equal(await count('noted'), 0);
  });

  it('closes its connection if the result of the cancel request is unknown', async () => {
    await using proxy = await startDeafProxy(new URL(own.url));
    await using deaf = open(proxy.url, 1);
    await whileLocked(async () => {
      const run = deaf.run('wait', lockRow, caller);
      await eventually('it waits', async () => (await blocked()).length === 1);
      caller.abort(reason);
      await assert.rejects(run, reason);
      assert.equal(proxy.ignored, 1);
    });
    assert.deepEqual(await deaf.run('say', text('SELECT 1 AS said')), [{ said: 1 }]);
    assert.equal(proxy.connections, 3, 'the first one, the cancel request, and a new one');
  });

  it('cancels no later statement, however close to its end it is cancelled', async function () {
    this.timeout(60_000);
    const rounds = 300;
    const seed = Number(process.env.SEED ?? randomInt(2 ** 31));
    console.log(`      SEED=${seed}`);
    const random = seeded(seed);
    let left = 0;
    for (let round = 0; round < rounds; round++) {
      const leaver = new AbortController();
      const sleepMs = random() * 4;
      const calls = [1, 2, 3, 4].map((n) => {
        const said = text('SELECT $1::integer AS said, pg_sleep($2)', round * 10 + n, sleepMs / 1_000);
        const scope = n % 2 ? leaver : {};
        return n > 2 ? database.transaction((own) => own.run('say', said), scope) : database.run('say', said, scope);
      });
      setTimeout(() => leaver.abort(reason), random() * 8);
      const ends = await Promise.allSettled(calls);
      const said = ends.map((end) =>
        end.status === 'fulfilled' ? (end.value[0] as { said: number }).said : end.reason,
      );
      said.forEach((answer, index) => {
        const expected = round * 10 + index + 1;
        if (index % 2 === 0 && answer === reason) left += 1;
        else assert.equal(answer, expected, `round ${round}`);
      });
    }
    assert(left > 0, 'none was cancelled');
  });

  it('is answered without Retry-After when the connection breaks between COMMIT and its answer', async () => {
    const contract = defineService(
      'saver',
      { summary: 'Saves.', version: '1' },
      {
        save: {
          summary: 'Saves.',
          params: z.strictObject({}),
          result: z.object({}),
          timeoutMs: 10_000,
          errors: {},
          example: { params: {}, result: {} },
        },
      },
    );
    let failure: unknown;
    const service = implement(
      contract,
      {
        async save() {
          try {
            await database.transaction((transaction) => transaction.run('note', note(1, 'waits_at_commit')));
          } catch (error) {
            failure = error;
            throw error;
          }
          return {};
        },
      },
      { interceptors: [databaseErrors()] },
    );
    await whileLocked(async () => {
      const saving = createClient(contract, service)
        .save({})
        .catch((error: unknown) => error);
      await eventually('the COMMIT waits', async () => (await blocked()).length === 1);
      await beside.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      const answer = await saving;
      assert(answer instanceof RpcError);
      assert.deepEqual(
        { code: answer.code, retryAfterMs: answer.retryAfterMs, message: answer.message },
        { code: 'deadline_exceeded', retryAfterMs: undefined, message: 'It is not known whether the change was saved' },
      );
    });
    assert(failure instanceof CommitUnconfirmed);
  });
});

/** A proxy in front of the database that never answers cancel requests. */
async function startDeafProxy(target: URL) {
  const sockets = new Set<Socket>();
  const server = createServer(async (socket) => {
    proxy.connections += 1;
    sockets.add(socket.on('error', () => {}));
    const [first] = (await once(socket, 'data')) as [Buffer];
    if (first.readInt32BE(4) === CANCEL_REQUEST_CODE) {
      proxy.ignored += 1;
      return;
    }
    const onward = connect(Number(target.port), target.hostname).on('error', () => {});
    sockets.add(onward);
    onward.write(first);
    socket.pipe(onward).pipe(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = new URL(target);
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const proxy = {
    url: url.href,
    connections: 0,
    ignored: 0,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
  return proxy;
}

/** mulberry32 */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
