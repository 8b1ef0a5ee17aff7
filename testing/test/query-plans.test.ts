import assert from 'node:assert/strict';
import type { Query } from 'invariants';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { openDatabase } from 'service-kit';
import { createTestDatabase, pretendRows, queryOn, type RanStatement } from 'testing';
import { listSequentialScans } from '../src/query-plans.ts';

const ordersBy = (condition: string): RanStatement => ({
  name: 'test',
  text: `SELECT status FROM orders WHERE ${condition}`,
  values: [],
});

describe('The plans of statements', () => {
  const readWhole = (query: Query, condition: string) => listSequentialScans(query, ordersBy(condition), ['orders']);

  it('follow the number of rows in the statistics, and show sequential scans', async () => {
    await using testDatabase = await createTestDatabase('loms');
    const [logger, registry] = [pino({ level: 'silent' }), new Registry()];
    await using database = openDatabase({ url: testDatabase.url, poolMax: 2, logger, registry });
    const query = queryOn(database);
    await query("INSERT INTO orders (user_id, status, seq) SELECT i, 'payed', 3 FROM generate_series(1, 10) i");
    await query('ANALYZE orders');
    assert.deepEqual(await readWhole(query, 'order_id = 5'), ['orders'], 'ten rows are not worth an index');
    await pretendRows(testDatabase, 100_000);
    assert.deepEqual(await readWhole(query, 'order_id = 5'), []);
    assert.deepEqual(await readWhole(query, 'seq = 5'), ['orders'], 'there is no index of seq');
  });
});
