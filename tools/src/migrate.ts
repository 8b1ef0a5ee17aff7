import {
  DATABASES,
  type DatabaseName,
  Failure,
  isDatabaseName,
  loadMeshConfig,
  meshPaths,
  type PerDatabase,
  perDatabase,
  refusePortsInUse,
  runScript,
} from 'mesh';
import { loadSecrets, openRunRecord, readLiveRun } from 'mesh/mesh-folder';
import { databaseUrl, spawnDatabase } from 'mesh/postgres';
import { migrationsDirectory } from 'mesh/run';
import { migrateDown, migrateUp, migrationStatus } from 'service-kit/migrations';

/**
 * `make migrate`, `make migrate-down SERVICE=loms`, `make migrate-status`: use the Postgres of the running mesh, or start it
 * for the duration of the command.
 */
type Command = (service: DatabaseName, databaseUrl: string) => Promise<void>;

const commands: Record<string, Command> = {
  async up(service, url) {
    const applied = await migrateUp({ databaseUrl: url, directory: migrationsDirectory(service) });
    console.log(`${service}: ${applied.length > 0 ? `applied ${applied.join(', ')}` : 'nothing to apply'}`);
  },
  async down(service, url) {
    const name = await migrateDown({ databaseUrl: url, directory: migrationsDirectory(service) });
    console.log(`${service}: ${name === undefined ? 'nothing to roll back' : `rolled back ${name}`}`);
  },
  async status(service, url) {
    const migrations = await migrationStatus({ databaseUrl: url, directory: migrationsDirectory(service) });
    if (migrations.length === 0) console.log(`${service}: no migrations`);
    for (const { name, state, appliedAt } of migrations) {
      console.log(`${service}: ${name.padEnd(32)} ${describeState[state]} ${appliedAt?.toISOString() ?? ''}`.trimEnd());
    }
  },
};
const describeState = {
  applied: 'applied',
  pending: 'pending',
  changed: 'changed after it was applied',
  missing: 'applied, but its file is missing: applied',
};

function chooseServices(command: string): readonly DatabaseName[] {
  const name = process.env.SERVICE ?? '';
  if (isDatabaseName(name)) return [name];
  const example = 'make migrate-down SERVICE=loms';
  if (name !== '')
    throw new Failure(`There is no service "${name}" with a database: SERVICE is one of ${DATABASES.join(', ')}.`);
  if (command !== 'down') return DATABASES;
  throw new Failure(
    `SERVICE is not set: name the service whose newest migration to roll back, as in ${example} (or ${DATABASES.join(', ')}).`,
  );
}

async function withDatabase(use: (directUrls: PerDatabase<string>) => Promise<void>): Promise<void> {
  const config = loadMeshConfig(process.env);
  const paths = meshPaths(config.directory);
  const live = readLiveRun(paths);
  if (live !== undefined && live.postgresPort > 0) {
    const { services } = loadSecrets(paths);
    return use(perDatabase((service) => databaseUrl(service, services[service], live.postgresPort, service)));
  }
  const record = openRunRecord(paths, 'make migrate', config.postgresPort);
  try {
    await record.stopLeftovers();
    await refusePortsInUse([{ port: config.postgresPort, variable: 'MESH_POSTGRES_PORT' }], 'make migrate');
    const database = await spawnDatabase({ config, paths, record, withPgbouncer: false, say: console.log });
    try {
      await database.start();
      await use(database.directUrls);
    } finally {
      await database.stop();
    }
  } finally {
    record.close();
  }
}

await runScript(async () => {
  const name = process.argv[2] ?? '';
  const command = commands[name];
  if (command === undefined) throw new Failure('Usage: node tools/src/migrate.ts up|down|status, with SERVICE=<name>.');
  const services = chooseServices(name);
  await withDatabase(async (directUrls) => {
    for (const service of services) await command(service, directUrls[service]);
  });
  return 0;
});
