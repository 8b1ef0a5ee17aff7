import './postgres-variables.ts';
import pg from 'pg';

/** Otherwise a URL without a password takes one out of ~/.pgpass, and a URL without a role the name of the system's user. */
pg.defaults.password = '';
pg.defaults.user = '';

export { pg };
