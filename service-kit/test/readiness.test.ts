import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createTestDatabase } from 'testing';
import { migrateDown, migrateUp } from '../src/database/migrations.ts';
import { databaseReadiness, openDatabase } from '../src/index.ts';

const MIGRATIONS = fileURLToPath(new URL('../../migrations/loms', import.meta.url));

describe('the readiness of a service', () => {
  it('is lost when a migration is rolled back, and returns with the migration', async () => {
    await using own = await createTestDatabase('loms');
    const settings = { url: own.url, poolMax: 2, logger: pino({ level: 'silent' }), registry: new Registry() };
    await using database = openDatabase(settings);
    const { database: answers, migrations } = databaseReadiness(database, MIGRATIONS);
    const signal = AbortSignal.timeout(20_000);
    await Promise.all([answers?.(signal), migrations?.(signal)]);

    const target = { databaseUrl: own.directUrl, directory: MIGRATIONS };
    const name = await migrateDown(target);
    await assert.rejects(async () => migrations?.(signal), { message: `not applied yet: ${name}; run make migrate` });
    await answers?.(signal);

    await migrateUp(target);
    await migrations?.(signal);
  });
});
