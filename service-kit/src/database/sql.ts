import squel from 'squel';
import type { Statement } from './statement.ts';

/** squel in its Postgres flavour ($1, $2, RETURNING, ON CONFLICT), with bigints, dates and buffers as parameters. */
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

/** Stands for a value while a statement is built that will be run with many. */
class Mark {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}
sql.registerValueHandler(Mark as unknown as new () => Mark, (value: unknown) => value);

/**
 * A statement whose text is the same whatever its values: squel builds it once, at its first use, and after that only the
 * values are filled in. squel needs some 300 µs for a statement, as long as Postgres needs to carry a simple one out.
 *
 * @param build is given marks in place of the values, so it must not look at them, and no list may stand for `IN ?`
 * @returns what makes a statement of values; a list among them becomes a Postgres array
 */
export function fixedStatement<V extends object>(build: (values: V) => Statement): (values: V) => Statement {
  const marks = new Proxy({} as V, { get: (_target, name) => new Mark(String(name)) });
  let built: { readonly text: string; readonly values: readonly unknown[] } | undefined;
  return (values) => ({
    toParam() {
      const template = built ?? build(marks).toParam();
      built = template;
      return { text: template.text, values: template.values.map((value: unknown) => fill(value, values)) };
    },
  });
}

/**
 * Statements of a few shapes, each built once: so many rows, at most so many results. A shape must be one of few, since each
 * is kept.
 */
export function shapedStatement<S extends number | string, V extends object>(
  build: (shape: S, values: V) => Statement,
): (shape: S, values: V) => Statement {
  const shapes = new Map<S, (values: V) => Statement>();
  return (shape, values) => {
    const known = shapes.get(shape) ?? fixedStatement<V>((marks) => build(shape, marks));
    shapes.set(shape, known);
    return known(values);
  };
}

/** The driver takes `undefined` for NULL, which a misspelt name must not become. */
function fill(value: unknown, values: object): unknown {
  if (!(value instanceof Mark)) return value;
  const given = (values as Record<string, unknown>)[value.name];
  if (given === undefined) throw new TypeError(`The value ${value.name} of a statement was not given`);
  return given;
}
