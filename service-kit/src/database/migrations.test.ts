import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pendingMigrations } from './migrations.ts';

/** What needs a Postgres is tested in testing/test/migrations.test.ts. */
describe('pendingMigrations', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'migrations-'));
    for (const name of ['0002-second.sql', '0001-first.sql', 'notes.md']) writeFileSync(join(directory, name), '');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('returns the files that are not applied, in order', async () => {
    assert.deepEqual(await pendingMigrations(async () => [], directory), ['0001-first.sql', '0002-second.sql']);
    const applied = async () => [{ index: 1, name: '0001-first.sql' }];
    assert.deepEqual(await pendingMigrations(applied, directory), ['0002-second.sql']);
  });

  it('treats a database without the table as one without migrations', async () => {
    const undefinedTable = async () => {
      throw Object.assign(new Error('relation does not exist'), { code: '42P01' });
    };
    assert.equal((await pendingMigrations(undefinedTable, directory)).length, 2);
  });

  it('rejects on any other failure', async () => {
    const broken = async () => {
      throw Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED' });
    };
    await assert.rejects(pendingMigrations(broken, directory), /connection refused/);
  });

  it('names the missing folder', async () => {
    const missing = join(directory, 'nowhere');
    await assert.rejects(
      pendingMigrations(async () => [], missing),
      {
        name: 'MigrationError',
        message: `There is no folder of migrations at ${missing}.`,
      },
    );
  });
});
