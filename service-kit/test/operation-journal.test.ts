import assert from 'node:assert/strict';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createClient, defineService, implement, RpcError } from 'rpc-kit';
import { type LogFields, logScope, runInLogScope } from 'rpc-kit/logging';
import { testCall } from 'rpc-kit/testing';
import { createTestDatabase, type TestDatabase } from 'testing';
import { z } from 'zod';
import {
  createOperationJournal,
  type Database,
  type Operation,
  openDatabase,
  serviceOptions,
  startForgetting,
} from '../src/index.ts';

const method = {
  summary: 'Does something.',
  params: z.strictObject({ outcome: z.enum(['ok', 'refused', 'broken']) }),
  result: z.object({}),
  errors: { no_way: { code: 'failed_precondition', message: 'No way' } },
  timeoutMs: 1_000,
  example: { params: { outcome: 'ok' }, result: {} },
} as const;

const contract = defineService(
  'doer',
  { summary: 'Does things.', version: '1' },
  { change: method, look: { ...method, reads: true } },
);

async function act({ outcome }: { outcome: string }): Promise<Record<string, never>> {
  if (outcome === 'refused') throw new RpcError('failed_precondition', 'No way', { reason: 'no_way' });
  if (outcome === 'broken') throw new Error('broke');
  return {};
}

const moment = new Date();

function operation(overrides: Partial<Operation>): Operation {
  const { requestId, code } = { requestId: 'r', code: 'ok' };
  const base = { requestId, method: 'm', caller: 'c/1', code, reason: undefined, durationMs: 1 };
  return { ...base, startedAt: moment, deadlineAt: moment, ...overrides };
}

describe('the journal of operations', () => {
  const logger = pino({ level: 'silent' });
  let own: TestDatabase;
  let database: Database;

  // Any service with the table will do.
  before(async () => {
    own = await createTestDatabase('checkout');
    database = openDatabase({ url: own.url, poolMax: 2, logger, registry: new Registry() });
  });

  after(async () => {
    await database[Symbol.asyncDispose]();
    await own[Symbol.asyncDispose]();
  });

  it('records calls that change data, with caller and result, after the answer, and no reads', async () => {
    const options = serviceOptions({ logger, registry: new Registry(), journal: createOperationJournal(database) });
    const service = implement(contract, { change: act, look: act }, options);
    const client = createClient(contract, service);
    await client.change({ outcome: 'ok' }, { requestId: 'r-1' });
    await assert.rejects(client.change({ outcome: 'refused' }, { requestId: 'r-2' }));
    await assert.rejects(client.change({ outcome: 'broken' }, { requestId: 'r-3' }));
    await client.look({ outcome: 'ok' }, { requestId: 'r-4' });
    assert.equal(
      (await database.query('SELECT * FROM operations')).length,
      0,
      'the answers have waited for the journal',
    );
    await service.drain(5_000);

    const rows = await database.query(
      `SELECT request_id, method, code, reason, duration_ms >= 0 AND deadline_at > started_at AS timed
        FROM operations ORDER BY request_id`,
    );
    assert.deepEqual(rows, [
      { request_id: 'r-1', method: 'change', code: 'ok', reason: null, timed: true },
      { request_id: 'r-2', method: 'change', code: 'failed_precondition', reason: 'no_way', timed: true },
      { request_id: 'r-3', method: 'change', code: 'internal', reason: null, timed: true },
    ]);
  });

  it('saves concurrent operations in one batch, and each of them once', async () => {
    await database.query('DELETE FROM operations');
    const journal = createOperationJournal(database);
    await Promise.all(
      Array.from({ length: 450 }, (_, index) => journal.save(operation({ requestId: `many-${index}` }))),
    );
    const [row] = await database.query(
      'SELECT count(*)::integer AS rows, count(DISTINCT request_id)::integer AS ids FROM operations',
    );
    assert.deepEqual(row, { rows: 450, ids: 450 });
  });

  it('saves the operations of a batch with one refused row, and fails that one alone', async () => {
    await database.query('DELETE FROM operations');
    const journal = createOperationJournal(database);
    const refused = new Map<number, Partial<Operation>>([
      [0, { deadlineAt: new Date(-1e15) }],
      [1, { deadlineAt: new Date(-8.64e15) }],
      [77, { caller: 'a\0b' }],
      [199, { reason: '\0' }],
    ]);
    const saves = await Promise.allSettled(
      Array.from({ length: 200 }, (_, index) =>
        journal.save(operation({ requestId: `row-${index}`, ...refused.get(index) })),
      ),
    );
    const failed = saves.flatMap(({ status }, index) => (status === 'rejected' ? [index] : []));
    assert.deepEqual(failed, [...refused.keys()]);
    const rows = await database.query('SELECT request_id FROM operations');
    const saved = Array.from({ length: 200 }, (_, index) => index).filter((index) => !refused.has(index));
    assert.deepEqual(rows.map(({ request_id }) => request_id).sort(), saved.map((index) => `row-${index}`).sort());
  });

  it('logs the operation that the database refuses with its request id, and no other', async () => {
    await database.query('DELETE FROM operations');
    const lines: { msg: string; request_id: string }[] = [];
    const capturing = pino({ mixin: () => ({ ...logScope() }) }, { write: (line) => lines.push(JSON.parse(line)) });
    const journal = createOperationJournal(database);
    const options = serviceOptions({ logger: capturing, registry: new Registry(), journal });
    const service = implement(contract, { change: act, look: act }, options);
    const call = testCall({ method: 'change', params: { outcome: 'ok' } });
    await Promise.allSettled([
      service.call({ ...call, requestId: 'innocent' }),
      service.call({ ...call, requestId: 'refused', deadlineAt: -1e15 }),
    ]);
    await service.drain(5_000);
    const failures = lines.filter(({ msg }) => msg === 'a deferred task failed');
    assert.deepEqual(
      failures.map(({ request_id }) => request_id),
      ['refused'],
    );
    assert.deepEqual(await database.query('SELECT request_id FROM operations'), [{ request_id: 'innocent' }]);
  });

  it('fails a whole batch with one statement if the database is unreachable', async () => {
    let statements = 0;
    const failure = new Error('no database');
    const journal = createOperationJournal({
      async run() {
        statements += 1;
        throw failure;
      },
    });
    const saves = await Promise.allSettled([journal.save(operation({})), journal.save(operation({}))]);
    assert.deepEqual(
      saves.map((save) => (save.status === 'rejected' ? save.reason : save)),
      [failure, failure],
    );
    assert.equal(statements, 1);
  });

  it('saves them in the log scope of no call', async () => {
    const scopes: LogFields[] = [];
    const journal = createOperationJournal({
      async run() {
        scopes.push(logScope());
        return [];
      },
    });
    await runInLogScope({ request_id: 'stranger' }, () => journal.save(operation({})));
    assert.deepEqual(scopes, [{}]);
  });

  it('deletes expired operations, and nothing else', async () => {
    await database.query('DELETE FROM operations');
    await database.query(
      `INSERT INTO operations (request_id, method, code, started_at, deadline_at, duration_ms)
       SELECT 'old-' || n, 'm', 'ok', now() - interval '31 days', now(), 1 FROM generate_series(1, 2500) AS n`,
    );
    await database.query(
      `INSERT INTO operations (request_id, method, code, started_at, deadline_at, duration_ms)
       VALUES ('young', 'm', 'ok', now() - interval '29 days', now(), 1)`,
    );
    await using _forgetting = startForgetting(database, 30, logger);
    const deadline = performance.now() + 20_000;
    let left = await database.query('SELECT request_id FROM operations');
    while (left.length > 1 && performance.now() < deadline)
      left = await database.query('SELECT request_id FROM operations');
    assert.deepEqual(left, [{ request_id: 'young' }]);
  });
});
