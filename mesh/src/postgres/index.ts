export { type DatabaseServer, databaseUrl, prepareDatabases, superuserUrl } from './databases.ts';
export { postgresSettings, spawnDatabase } from './mesh-database.ts';
export { findPgbouncer, preparePgbouncer } from './pgbouncer-config.ts';
export { findPostgresBinaries } from './postgres-binaries.ts';
export { findPostgresUser, launchAs, type PostgresUser } from './postgres-user.ts';
export { superviseDatabase } from './supervise-database.ts';
