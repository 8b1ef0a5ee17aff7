/**
 * Imported first wherever the driver is, so that a URL is all that says which Postgres is meant: PGHOST, PGSSLMODE,
 * PGOPTIONS, PGSERVICE and the like belong to the shell's own tools, and both the driver and the library of migrations
 * would read them. Child processes inherit the cleaned environment.
 */
const POSTGRES_VARIABLE = /^PG[A-Z]/;
/** Names the program pgbench for a benchmark; no library of Postgres reads it. */
const OURS = 'PGBENCH';

for (const name of Object.keys(process.env)) {
  if (POSTGRES_VARIABLE.test(name) && name !== OURS) delete process.env[name];
}
// Makes the driver load another implementation, which is not installed.
delete process.env.NODE_PG_FORCE_NATIVE;
