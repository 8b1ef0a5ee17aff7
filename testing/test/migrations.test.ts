import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DATABASES } from 'mesh';
import { migrationsDirectory } from 'mesh/run';
import { migrateDown, migrateUp, migrationStatus, pendingMigrations } from 'service-kit/migrations';
import { createEmptyTestDatabase, type TestDatabase } from 'testing';
import { queryOnce } from './query-once.ts';
import { describeSchema } from './schema.ts';

for (const service of DATABASES) {
  describe(`The migrations of ${service}`, () => {
    it('apply, roll back one by one to nothing, and apply again to the same schema', async () => {
      await using database = await createEmptyTestDatabase(service);
      const target = { databaseUrl: database.directUrl, directory: migrationsDirectory(service) };
      const empty = await describeSchema(database.directUrl);
      const applied = await migrateUp(target);
      const full = await describeSchema(database.directUrl);

      const rolledBack: (string | undefined)[] = [];
      for (const _ of applied) rolledBack.push(await migrateDown(target));
      assert.deepEqual(rolledBack, applied.toReversed());
      assert.equal(await migrateDown(target), undefined);
      assert.equal(await describeSchema(database.directUrl), empty);

      assert.deepEqual(await migrateUp(target), applied);
      assert.equal(await describeSchema(database.directUrl), full);
    });

    it('are applied once when two migrators start at the same moment', async () => {
      await using database = await createEmptyTestDatabase(service);
      const target = { databaseUrl: database.directUrl, directory: migrationsDirectory(service) };
      const [first, second] = await Promise.all([migrateUp(target), migrateUp(target)]);
      const states = await migrationStatus(target);
      assert.deepEqual(
        [...first, ...second].sort(),
        states.map(({ name }) => name),
      );
      assert.ok(states.every(({ state }) => state === 'applied'));
    });
  });
}

describe('Migrations', () => {
  let directory: string;
  let database: TestDatabase;
  const target = () => ({ databaseUrl: database.directUrl, directory });
  const tables = async () => (await describeSchema(database.directUrl)).match(/(?<=^table ).*$/gm) ?? [];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'migrations-'));
    await mkdir(join(directory, 'down'));
    database = await createEmptyTestDatabase('products');
    await write('0001-first.sql', 'CREATE TABLE first (id int)');
    await write('down/0001-first.sql', 'DROP TABLE first');
  });
  afterEach(async () => {
    await database[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });
  const write = (name: string, text: string) => writeFile(join(directory, name), text);

  it('apply all or nothing of a file that fails, and name it', async () => {
    await write('0002-broken.sql', 'CREATE TABLE second (id int); INSERT INTO nowhere VALUES (1);');
    await assert.rejects(migrateUp(target()), {
      name: 'MigrationError',
      message: '0002-broken.sql failed: relation "nowhere" does not exist',
    });
    assert.deepEqual(await tables(), ['first']);
    const states = (await migrationStatus(target())).map(({ name, state }) => [name, state]);
    assert.deepEqual(states, [
      ['0001-first.sql', 'applied'],
      ['0002-broken.sql', 'pending'],
    ]);
  });

  it('stay applied, and marked as applied, when their rollback fails', async () => {
    await write('down/0001-first.sql', 'DROP TABLE first; DROP TABLE nowhere;');
    await migrateUp(target());
    await assert.rejects(
      migrateDown(target()),
      /^MigrationError: down\/0001-first\.sql failed: table "nowhere" does not/,
    );
    assert.deepEqual(await tables(), ['first']);
    assert.equal((await migrationStatus(target()))[0]?.state, 'applied');
  });

  it('refuse a rollback without SQL for it', async () => {
    await rm(join(directory, 'down/0001-first.sql'));
    await migrateUp(target());
    await assert.rejects(migrateDown(target()), /0001-first\.sql cannot be rolled back/);
  });

  it('report files that were changed or removed after they were applied', async () => {
    await migrateUp(target());
    await write('0001-first.sql', 'CREATE TABLE other (id int)');
    assert.equal((await migrationStatus(target()))[0]?.state, 'changed');
    await assert.rejects(migrateUp(target()), { name: 'MigrationError' });
    await rm(join(directory, '0001-first.sql'));
    assert.equal((await migrationStatus(target()))[0]?.state, 'missing');
  });

  it('are exempt from the statement timeout of the role', async () => {
    await write(
      '0002-settings.sql',
      `DO $$ BEGIN
      ASSERT current_setting('statement_timeout') = '0' AND current_setting('transaction_timeout') = '0';
    END $$`,
    );
    assert.deepEqual(await migrateUp(target()), ['0001-first.sql', '0002-settings.sql']);
  });

  it('are seen as pending or applied through pgbouncer too', async () => {
    const query = (text: string) => queryOnce(database.url, text);
    assert.deepEqual(await pendingMigrations(query, directory), ['0001-first.sql']);
    await migrateUp(target());
    await write('0002-second.sql', 'SELECT 1');
    assert.deepEqual(await pendingMigrations(query, directory), ['0002-second.sql']);
  });
});
