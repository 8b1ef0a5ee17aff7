import squel, { type BaseBuilder, type Delete, type Insert, type Select, type Update } from 'squel';

/** squel in its Postgres flavour ($1, $2, RETURNING, ON CONFLICT), taking bigints and buffers as parameters. */
export const sql = squel.useFlavour('postgres');
sql.registerValueHandler('bigint', (value: unknown) => String(value));
sql.registerValueHandler(Date, (value: unknown) => value);
sql.registerValueHandler(Buffer as unknown as new () => Buffer, (value: unknown) => value);

/**
 * Each builder asks each of its parts for its methods, and a part looks for them through all of its prototypes: that was a
 * fifth of the CPU time in which loms makes an order. They are the same for all parts of a class, so they are looked up once.
 */
const partClass: { prototype: { exposedMethods(): object } } = sql.cls.Block;
const lookUpMethods = partClass.prototype.exposedMethods;
const methodsOf = new Map<unknown, object>();
partClass.prototype.exposedMethods = function (this: object): object {
  const methods = methodsOf.get(this.constructor) ?? lookUpMethods.call(this);
  methodsOf.set(this.constructor, methods);
  return methods;
};

/** Anything that squel builds: SQL text and its parameters, never values in the text. */
export type Statement = Pick<Select | Insert | Update | Delete | BaseBuilder, 'toParam'>;

/** A list as one Postgres array parameter: `sql.str('unnest(?::bigint[])', arrayLiteral(skus))`. Numbers only. */
export function arrayLiteral(values: readonly (number | bigint)[]): string {
  return `{${values.join(',')}}`;
}
