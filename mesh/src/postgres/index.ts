export { type DatabaseServer, databaseUrl, prepareDatabases, superuserUrl } from './databases.ts';
export { postgresSettings, spawnDatabase } from './mesh-database.ts';
export { createFolderFor } from './owned-files.ts';
export { findPgbouncer, writePgbouncerConfig } from './pgbouncer-config.ts';
export { findPostgresBinaries } from './postgres-binaries.ts';
export { findPostgresUser, launchAs, type PostgresUser } from './postgres-user.ts';
