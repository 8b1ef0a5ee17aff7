import squel, { type BaseBuilder, type Delete, type Insert, type Select, type Update } from 'squel';

/** squel in its Postgres flavour ($1, $2, RETURNING, ON CONFLICT), taking bigints and buffers as parameters. */
export const sql = squel.useFlavour('postgres');
sql.registerValueHandler('bigint', (value: unknown) => String(value));
sql.registerValueHandler(Date, (value: unknown) => value);
sql.registerValueHandler(Buffer as unknown as new () => Buffer, (value: unknown) => value);

/** Anything that squel builds: SQL text and its parameters, never values in the text. */
export type Statement = Pick<Select | Insert | Update | Delete | BaseBuilder, 'toParam'>;

/** A list as one Postgres array parameter: `sql.str('unnest(?::bigint[])', arrayLiteral(skus))`. Numbers only. */
export function arrayLiteral(values: readonly (number | bigint)[]): string {
  return `{${values.join(',')}}`;
}
