import * as z from 'zod';
import { compileSchema } from '#compile-schema';
import { wholeToDouble } from './json-number.ts';

/**
 * A schema as two functions that zod has compiled (`z.compile`): the same results as `z.safeDecode` and `z.safeEncode`, in a tenth of
 * their time. zod itself produces the messages for values that do not fit.
 */
export interface CompiledSchema {
  decode(wire: unknown): z.ZodSafeParseResult<unknown>;
  encode(value: unknown): z.ZodSafeParseResult<unknown>;
}

const compiled = new WeakMap<z.ZodType, CompiledSchema>();

/** Compiles on first use, so that methods that are never called do not delay the start. */
export function compiledSchema(schema: z.ZodType): CompiledSchema {
  const known = compiled.get(schema);
  if (known) return known;
  const made = compile(schema);
  compiled.set(schema, made);
  return made;
}

function compile(schema: z.ZodType): CompiledSchema {
  const decoding = compileSchema(schema);
  const mirrored = mirror(schema);
  const encoding = mirrored && compileSchema(mirrored);
  return {
    decode(wire) {
      const decoded = decoding.safeParse(wire);
      if (decoded.success) return decoded;
      const holder = { wire };
      return placeDoubles(holder, 'wire', decoded.error.issues) ? decoding.safeParse(holder.wire) : decoded;
    },
    encode(value) {
      const encoded = encoding?.safeParse(value);
      return encoded?.success ? encoded : z.safeEncode(schema, value as never);
    },
  };
}

/**
 * `parseJson` cannot know whether a whole number beyond 2^53 is an integer or a double such as 1e20, so it makes a bigint of it. Where a
 * schema wants a number instead, this puts the double in its place.
 * @returns whether there was any
 */
function placeDoubles(holder: object, member: PropertyKey, issues: readonly z.core.$ZodIssue[]): boolean {
  const placed = issues.map((issue): boolean => {
    if (issue.code !== 'invalid_union' && !(issue.code === 'invalid_type' && issue.expected === 'number')) return false;
    const path = [member, ...issue.path];
    const last = path.pop() as PropertyKey;
    const owner = path.reduce<unknown>((part, step) => (part as Record<PropertyKey, unknown>)?.[step], holder);
    if (typeof owner !== 'object' || owner === null) return false;
    if (issue.code === 'invalid_union')
      return issue.errors.map((each) => placeDoubles(owner, last, each)).some(Boolean);
    const value = (owner as Record<PropertyKey, unknown>)[last];
    const double = typeof value === 'bigint' ? wholeToDouble(value) : undefined;
    if (double !== undefined) (owner as Record<PropertyKey, unknown>)[last] = double;
    return double !== undefined;
  });
  return placed.includes(true);
}

/** Mirrors a part of a schema; `undefined` for a part without a mirror. */
type Turn = (part: z.core.$ZodType) => z.ZodType | undefined;

/**
 * zod compiles only the direction from the wire. The other direction is compiled from the mirrored schema, in which every codec is
 * reversed.
 * @returns `undefined` for a schema without a mirror: with checks that would see the wrong side, recursive, or of a kind not
 *   listed here
 */
function mirror(schema: z.core.$ZodType, ancestors: readonly z.core.$ZodType[] = []): z.ZodType | undefined {
  const { def } = schema._zod as z.core.$ZodTypes['_zod'];
  if (PLAIN_TYPES.has(def.type)) return schema as z.ZodType;
  if (def.checks && !def.checks.every(looksAtLength)) return undefined;
  if (ancestors.includes(schema)) return undefined;
  const parts = turnParts(def, (part) => mirror(part, [...ancestors, schema]));
  if (!parts) return undefined;
  if (def.type === 'pipe') return z.codec(parts.in as never, parts.out as never, parts as never);
  return z.clone(schema, { ...def, ...parts } as never) as z.ZodType;
}

/** Their values are the same in both directions. */
const PLAIN_TYPES: ReadonlySet<string> = new Set([
  ...['string', 'number', 'boolean', 'bigint', 'date', 'null', 'undefined', 'unknown', 'any', 'never'],
  ...['literal', 'enum', 'custom'],
]);

/** A length is the same on both sides; any other check of a container may see converted or dropped members. */
function looksAtLength(check: z.core.$ZodCheck): boolean {
  return ['min_length', 'max_length', 'length_equals'].includes(check._zod.def.check);
}

/** The parts that differ in the mirror, by their names in the schema's definition. */
function turnParts(def: z.core.$ZodTypes['_zod']['def'], turn: Turn): Record<string, unknown> | undefined {
  const only = <T>(name: string, turned: T | undefined) => turned && { [name]: turned };
  switch (def.type) {
    case 'object':
      return def.catchall && turn(def.catchall) !== def.catchall
        ? undefined
        : only('shape', turnShape(def.shape, turn));
    case 'array':
      return only('element', turn(def.element));
    case 'optional':
    case 'nullable':
      return only('innerType', turn(def.innerType));
    case 'record':
      return turn(def.keyType) === def.keyType ? only('valueType', turn(def.valueType)) : undefined;
    case 'union':
      return only('options', turnAll(def.options, turn));
    case 'pipe':
      return turnCodec(def, turn);
    default:
      return undefined;
  }
}

function turnShape(shape: z.core.$ZodShape, turn: Turn): z.core.$ZodShape | undefined {
  const turned = turnAll(Object.values(shape), turn);
  return turned && Object.fromEntries(Object.keys(shape).map((name, index) => [name, turned[index] as z.ZodType]));
}

function turnAll(parts: readonly z.core.$ZodType[], turn: Turn): readonly z.ZodType[] | undefined {
  const turned = parts.map(turn).filter((part) => part !== undefined);
  return turned.length === parts.length ? turned : undefined;
}

/** A pipe without a reverse transform is no codec. */
function turnCodec(def: z.core.$ZodPipeDef, turn: Turn) {
  const { transform, reverseTransform } = def as Partial<z.core.$ZodCodecDef>;
  const [wire, inside] = [turn(def.in), turn(def.out)];
  return reverseTransform && wire && inside
    ? { in: inside, out: wire, decode: reverseTransform, encode: transform }
    : undefined;
}
