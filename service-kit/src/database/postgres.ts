import './postgres-variables.ts';
import pg from 'pg';

/** Otherwise the driver takes a missing password from ~/.pgpass and a missing role from the system's user. */
pg.defaults.password = '';
pg.defaults.user = '';
// Otherwise the driver writes times with the whole minutes of the process's own time zone, whose offset had seconds before about 1940.
pg.defaults.parseInputDatesAsUTC = true;

export { pg };
