import squel from 'squel';

/** squel in its Postgres flavour ($1, $2, RETURNING, ON CONFLICT), with bigints, dates and buffers as parameters. */
export const sql = squel.useFlavour('postgres');
sql.registerValueHandler('bigint', (value: unknown) => String(value));
sql.registerValueHandler(Date, (value: unknown) => value);
sql.registerValueHandler(Buffer as unknown as new () => Buffer, (value: unknown) => value);
