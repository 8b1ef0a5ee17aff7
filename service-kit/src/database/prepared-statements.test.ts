import assert from 'node:assert/strict';
import type { PoolClient } from 'pg';
import { createPreparedStatements } from './prepared-statements.ts';

describe('Prepared statements', () => {
  const client = {} as PoolClient;
  const other = {} as PoolClient;

  it('are those that a connection has used, until one is missing', () => {
    const prepared = createPreparedStatements();
    prepared.onUsed(client, ['a', 'b']);
    assert.deepEqual(
      [prepared.has(client, 'a'), prepared.has(client, 'c'), prepared.has(other, 'a')],
      [true, false, false],
    );
    prepared.onMissing(client);
    assert.deepEqual([prepared.has(client, 'a'), prepared.has(client, 'b')], [false, false]);
  });

  it('are given up where the server forgets them again and again', () => {
    const prepared = createPreparedStatements();
    for (let n = 0; n <= 200; n++) {
      assert.equal(prepared.isOn, true);
      prepared.onMissing(client);
      prepared.onUsed(client, ['a']);
    }
    assert.equal(prepared.isOn, false);
  });

  it('are not given up where few of many uses miss them', () => {
    const prepared = createPreparedStatements();
    for (let n = 0; n < 3_000; n++) {
      if (n % 11 === 0) prepared.onMissing(client);
      prepared.onUsed(client, ['a', 'b']);
      assert.equal(prepared.isOn, true);
    }
  });
});
