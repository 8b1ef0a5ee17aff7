import fc, { type Arbitrary } from 'fast-check';
import { rawNumber } from 'rpc-kit';

/** JSON Schema in a document that was parsed with every digit of its numbers. */
export type Schema = Readonly<Record<string, unknown>>;

/** The supported keywords; others are refused, since a document with them would be tested in part only. */
const UNDERSTOOD = new Set([
  ...[
    '$ref',
    'type',
    'format',
    'description',
    'default',
    'examples',
    'enum',
    'const',
    'anyOf',
    'minimum',
    'maximum',
    'exclusiveMinimum',
  ],
  ...['minLength', 'maxLength', 'pattern', 'items', 'minItems', 'maxItems', 'properties', 'required'],
  'additionalProperties',
]);

/** Values that a schema allows, often at its bounds. They are wire values for `stringifyJson`. */
export function valuesOf(schema: Schema, resolve: (ref: string) => Schema): Arbitrary<unknown> {
  const unknown = Object.keys(schema).find((keyword) => !UNDERSTOOD.has(keyword));
  if (unknown !== undefined) throw new Error(`values for the keyword "${unknown}" are not generated yet`);
  if (typeof schema.$ref === 'string') return valuesOf(resolve(schema.$ref), resolve);
  if ('const' in schema) return fc.constant(schema.const);
  if (Array.isArray(schema.enum)) return fc.constantFrom(...schema.enum);
  if (Array.isArray(schema.anyOf)) {
    const { anyOf, ...common } = schema as { anyOf: Schema[] };
    return fc.oneof(...anyOf.map((one) => valuesOf({ ...common, ...one }, resolve)));
  }
  if (Array.isArray(schema.type)) return fc.oneof(...schema.type.map((type) => valuesOf({ ...schema, type }, resolve)));
  switch (schema.type) {
    case 'integer':
      return integers(schema);
    case 'string':
      return strings(schema);
    case 'array':
      return fc.array(valuesOf((schema.items ?? {}) as Schema, resolve), lengths(schema.minItems, schema.maxItems));
    case 'object':
      return objects(schema, resolve);
    case 'number':
      return numbers(schema);
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case undefined:
      if (Object.keys(schema).some((keyword) => keyword !== 'description')) break;
      return fc.jsonValue();
  }
  throw new Error(`values for ${JSON.stringify(schema)} are not generated yet`);
}

/** A whole number on the wire, with every digit. */
export function wireInteger(value: bigint): unknown {
  return rawNumber(value.toString());
}

/** A bound of a schema as a bigint: parsed documents hold plain numbers and bigints. */
export function toBigint(bound: unknown): bigint | undefined {
  return typeof bound === 'number' || typeof bound === 'bigint' ? BigInt(bound) : undefined;
}

function integers({ minimum, maximum }: Schema): Arbitrary<unknown> {
  const [min = -(10n ** 20n), max = 10n ** 20n] = [toBigint(minimum), toBigint(maximum)];
  return fc.oneof(fc.constantFrom(min, max), fc.bigInt({ min, max })).map(wireInteger);
}

function numbers({ minimum, exclusiveMinimum, maximum }: Schema): Arbitrary<number> {
  const min = exclusiveMinimum ?? minimum;
  return fc.double({
    ...(min !== undefined && { min: Number(min), minExcluded: exclusiveMinimum !== undefined }),
    ...(maximum !== undefined && { max: Number(maximum) }),
    noNaN: true,
    noDefaultInfinity: true,
  });
}

function strings({ minLength, maxLength, pattern, format }: Schema): Arbitrary<string> {
  const { minLength: min = 0, maxLength: max } = lengths(minLength, maxLength);
  if (format === 'uuid') return fc.uuid();
  if (format === 'date-time') return dates();
  const fits = (text: string): boolean => {
    const { length } = [...text];
    return length >= min && length <= (max ?? length) && (pattern === undefined || patternOf(pattern).test(text));
  };
  // JSON Schema counts code points, some of which are two units of a JavaScript string.
  const edges = [min, max]
    .filter((length) => length !== undefined)
    .flatMap((length) => [fc.constant('к'.repeat(length)), fc.constant('😀'.repeat(length))]);
  const any = fc.string({ unit: 'binary', ...lengths(minLength, maxLength) });
  const matching = pattern === undefined ? [] : [fc.stringMatching(patternOf(pattern))];
  return fc.oneof(any, ...edges, ...matching).filter(fits);
}

export function patternOf(pattern: unknown): RegExp {
  return new RegExp(String(pattern), 'u');
}

/** One day inside the range, so that no offset moves the time out of it. */
function dates(): Arbitrary<string> {
  const [min, max] = [new Date('0000-01-02T00:00:00Z'), new Date('9999-12-30T00:00:00Z')];
  const offset = fc.constantFrom('Z', '+00:00', '-23:59', '+14:00');
  return fc.tuple(fc.date({ min, max, noInvalidDate: true }), offset).map(([date, suffix]) => {
    // Years beyond four digits do not occur between the bounds.
    return date.toISOString().replace('Z', suffix);
  });
}

function objects(schema: Schema, resolve: (ref: string) => Schema): Arbitrary<unknown> {
  const properties = Object.entries((schema.properties ?? {}) as Record<string, Schema>);
  const model = Object.fromEntries(properties.map(([name, property]) => [name, valuesOf(property, resolve)]));
  const requiredKeys = (schema.required ?? []) as string[];
  return fc.record(model, { requiredKeys: requiredKeys.filter((name) => name in model), noNullPrototype: true });
}

function lengths(min: unknown, max: unknown): { minLength?: number; maxLength?: number } {
  return {
    ...(min === undefined ? {} : { minLength: Number(min) }),
    ...(max === undefined ? {} : { maxLength: Number(max) }),
  };
}
