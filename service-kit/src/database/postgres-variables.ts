/**
 * Imported before the driver: only the URL decides which Postgres is used. The driver and the migration library would also
 * read PGHOST, PGSSLMODE, PGOPTIONS and so on, which belong to the shell's tools. Child processes inherit the clean environment.
 */
const POSTGRES_VARIABLE = /^PG[A-Z]/;
/** The path of pgbench for a benchmark; no Postgres library reads it. */
const OURS = 'PGBENCH';

for (const name of Object.keys(process.env)) {
  if (POSTGRES_VARIABLE.test(name) && name !== OURS) delete process.env[name];
}
// Would make the driver load its native implementation, which is not installed.
delete process.env.NODE_PG_FORCE_NATIVE;
