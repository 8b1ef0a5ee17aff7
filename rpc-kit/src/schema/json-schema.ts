import * as z from 'zod';
import { int64, timestamp, uint16, uint32, uint64 } from './wire-types.ts';

/** A JSON Schema of draft 2020-12 (https://json-schema.org/draft/2020-12), e.g. from a file. */
export type JsonSchemaSource = Readonly<Record<string, unknown>>;

/** The zod schema of a type: of an object one with its members, so that it can be the params of a method. */
export type ZodOf<T> = T extends readonly unknown[] | string | number | bigint | boolean | Date | null | undefined
  ? z.ZodType<T>
  : z.ZodObject<{ -readonly [K in keyof T]-?: MemberOf<T, K> }>;
type MemberOf<T, K extends keyof T> =
  Partial<Pick<T, K>> extends Pick<T, K> ? z.ZodOptional<z.ZodType<Exclude<T[K], undefined>>> : z.ZodType<T[K]>;

/**
 * The schema of a contract from a JSON Schema: `params: jsonSchema<{ sku: number }>({ type: 'object', … })`. The formats `int64`, `uint64`,
 * `uint32`, `uint16` and `date-time` are rpc-kit's types, so the first two are bigints in code, and the last is a Date. All other formats, and
 * `default`, are annotations, as the draft has it. A value of `anyOf` is read by the first alternative that it fits, and members that this
 * does not declare are dropped.
 *
 * @throws {TypeError} for a keyword that would not be checked: nothing is validated more loosely than it says
 */
export function jsonSchema<T>(source: object): ZodOf<T> {
  const { $schema: dialect = DIALECT } = source as JsonSchemaSource;
  if (dialect !== DIALECT) throw refusal('/$schema', `write the schema in ${DIALECT}`);
  return new Conversion(source as JsonSchemaSource).convert(source, '') as unknown as ZodOf<T>;
}

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';
const ANNOTATIONS = ['title', 'description', 'examples', 'deprecated', 'readOnly', 'writeOnly', 'default'];
/** Keywords that each schema may have; `format` is one of them where it is no type of rpc-kit. */
const EVERYWHERE = new Set([...ANNOTATIONS, '$schema', '$id', '$comment', '$defs', 'format']);
const TYPES: Readonly<Record<string, z.ZodType>> = { int64, uint64, uint32, uint16, 'date-time': timestamp };

/** The keywords of each type, besides `type`. */
const KEYWORDS = {
  object: ['properties', 'required', 'additionalProperties'],
  array: ['items', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength', 'pattern'],
  integer: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  boolean: [],
  null: [],
} as const satisfies Record<string, readonly string[]>;
type TypeName = keyof typeof KEYWORDS;

class Conversion {
  readonly #defs: JsonSchemaSource;
  readonly #converted = new Map<string, z.ZodType>();
  /** Definitions that are being converted: a reference to one of them is recursive. */
  readonly #open = new Set<string>();

  constructor({ $defs = {} }: JsonSchemaSource) {
    if (!isSchema($defs)) throw refusal('/$defs', 'it has to be an object of schemas');
    this.#defs = $defs;
  }

  /** @param at the JSON Pointer of the schema, for errors */
  convert(source: unknown, at: string): z.ZodType {
    if (source === true) return z.unknown();
    if (source === false) throw refusal(at, 'no value fits false: leave it out');
    if (!isSchema(source)) throw refusal(at, 'it has to be a JSON Schema');
    const annotations = Object.fromEntries(
      ANNOTATED.filter((name) => name in source).map((name) => [name, source[name]]),
    );
    const schema = this.#convertBare(source, at);
    return Object.keys(annotations).length === 0 ? schema : schema.meta({ ...schema.meta(), ...annotations });
  }

  #convertBare(source: JsonSchemaSource, at: string): z.ZodType {
    if ('$ref' in source) return this.#reference(only(source, at, ['$ref']).$ref, at);
    if ('const' in source) return literalOf([only(source, at, ['const', 'type']).const], source, at);
    if ('enum' in source) return literalOf(only(source, at, ['enum', 'type']).enum, source, at);
    if ('anyOf' in source) return z.union(this.#options(only(source, at, ['anyOf']).anyOf, `${at}/anyOf`));
    if ('oneOf' in source) return z.xor(this.#options(only(source, at, ['oneOf']).oneOf, `${at}/oneOf`));
    const { type } = source;
    if (Array.isArray(type)) return this.#nullable(source, type, at);
    if (type !== undefined) return this.#typed(source, type, at);
    only(source, at, []);
    return z.unknown();
  }

  #reference(ref: unknown, at: string): z.ZodType {
    const name = definitionOf(ref);
    if (name === undefined || !Object.hasOwn(this.#defs, name))
      throw refusal(`${at}/$ref`, 'refer to one of its $defs');
    const known = this.#converted.get(name);
    if (known) return known;
    if (this.#isItself(name))
      throw refusal(`${at}/$ref`, `${name} is defined by itself: refer to it below a member or items`);
    if (this.#open.has(name)) return z.lazy(() => this.#converted.get(name) as z.ZodType);
    this.#open.add(name);
    const made = this.convert(this.#defs[name], `/$defs/${name}`);
    this.#converted.set(name, made);
    return made;
  }

  /** Whether a value of the definition would be checked by the same definition again, without end. */
  #isItself(name: string): boolean {
    const reached = new Set(directReferences(this.#defs[name]));
    for (const other of reached) for (const next of directReferences(this.#defs[other])) reached.add(next);
    return reached.has(name);
  }

  #options(options: unknown, at: string): z.ZodType[] {
    if (!Array.isArray(options) || options.length === 0) throw refusal(at, 'it has to be a list of schemas');
    return options.map((option, index) => this.convert(option, `${at}/${index}`));
  }

  /** `type: ['string', 'null']` */
  #nullable(source: JsonSchemaSource, types: readonly unknown[], at: string): z.ZodType {
    const [type, ...others] = types.filter((name) => name !== 'null');
    if (types.length !== 2 || others.length > 0 || type === undefined) {
      throw refusal(`${at}/type`, 'name one type, or one and "null"; for others use anyOf');
    }
    return z.nullable(this.#typed(source, type, at));
  }

  #typed(source: JsonSchemaSource, type: unknown, at: string): z.ZodType {
    if (!isTypeName(type)) throw refusal(`${at}/type`, `it has to be one of ${Object.keys(KEYWORDS).join(', ')}`);
    const own = TYPES[String(source.format)];
    if (own && type === (own === timestamp ? 'string' : 'integer')) {
      only(source, at, ['type'], `the format ${source.format}: leave one of them out`);
      return own;
    }
    const keywords = only(source, at, ['type', ...KEYWORDS[type]]);
    switch (type) {
      case 'object':
        return this.#object(keywords, at);
      case 'array':
        return this.#array(keywords, at);
      case 'string':
        return stringOf(keywords, at);
      case 'integer':
        return numberOf(z.int(), keywords, at);
      case 'number':
        return numberOf(z.number(), keywords, at);
      case 'boolean':
        return z.boolean();
      case 'null':
        return z.null();
    }
  }

  #object({ properties = {}, required = [], additionalProperties: others }: JsonSchemaSource, at: string): z.ZodType {
    if (!isSchema(properties)) throw refusal(`${at}/properties`, 'it has to be an object of schemas');
    if (!Array.isArray(required)) throw refusal(`${at}/required`, 'it has to be a list of names');
    const unknown = required.find((name) => !Object.hasOwn(properties, name));
    if (unknown !== undefined) throw refusal(`${at}/required`, `declare "${unknown}" in properties`);
    const shape = Object.entries(properties).map(([name, member]): [string, z.ZodType] => {
      if (name in {}) throw refusal(`${at}/properties`, `no member can have the name ${name}, which every object has`);
      const schema = this.convert(member, `${at}/properties/${name}`);
      return [name, required.includes(name) ? schema : schema.optional()];
    });
    const members = Object.fromEntries(shape);
    if (others === false) return z.strictObject(members);
    if (others === undefined) return z.object(members);
    if (others === true) return z.looseObject(members);
    const value = this.convert(others, `${at}/additionalProperties`);
    return shape.length === 0 ? z.record(z.string(), value) : z.object(members).catchall(value);
  }

  #array({ items, minItems, maxItems }: JsonSchemaSource, at: string): z.ZodType {
    if (items === undefined) throw refusal(at, 'say what its items are: "items" is missing');
    let list = z.array(this.convert(items, `${at}/items`));
    if (minItems !== undefined) list = list.min(count(minItems, `${at}/minItems`));
    if (maxItems !== undefined) list = list.max(count(maxItems, `${at}/maxItems`));
    return list;
  }
}

const ANNOTATED = [...ANNOTATIONS, 'format'];

function literalOf(values: unknown, { type }: JsonSchemaSource, at: string): z.ZodType {
  const isScalar = (value: unknown): value is z.core.util.Literal =>
    value === null || ['string', 'number', 'boolean'].includes(typeof value);
  if (!Array.isArray(values) || values.length === 0 || !values.every(isScalar)) {
    throw refusal(at, 'const and enum have to name texts, numbers, true, false or null');
  }
  const fits = (value: unknown): boolean => type === undefined || [type].flat().some((name) => isOfType(value, name));
  if (!values.every(fits)) throw refusal(`${at}/type`, `it does not allow all of ${JSON.stringify(values)}`);
  return values.every((value) => typeof value === 'string') && values.length > 1 ? z.enum(values) : z.literal(values);
}

function isOfType(value: unknown, type: unknown): boolean {
  if (value === null) return type === 'null';
  if (type === 'integer') return Number.isInteger(value);
  return typeof value === type;
}

/** Characters are code points, as in `text`; zod's own bounds count UTF-16 units. */
function stringOf({ minLength, maxLength, pattern }: JsonSchemaSource, at: string): z.ZodType {
  let schema = z.string();
  if (minLength !== undefined) {
    const least = count(minLength, `${at}/minLength`);
    const message = `Too small: expected string to have >=${least} characters`;
    // A text of as few units has no more characters.
    schema = schema.refine(
      (value) => value.length >= least && (value.length >= 2 * least || [...value].length >= least),
      { message, abort: true },
    );
  }
  if (maxLength !== undefined) {
    const most = count(maxLength, `${at}/maxLength`);
    const message = `Too big: expected string to have <=${most} characters`;
    schema = schema.refine((value) => value.length <= most || (value.length <= 2 * most && [...value].length <= most), {
      message,
      abort: true,
    });
  }
  // The cost of a pattern may grow faster than the text, so that it never sees one that is too long.
  if (pattern !== undefined) schema = schema.regex(patternOf(pattern, `${at}/pattern`));
  return schema.meta({ ...(minLength !== undefined && { minLength }), ...(maxLength !== undefined && { maxLength }) });
}

function patternOf(pattern: unknown, at: string): RegExp {
  try {
    return new RegExp(String(pattern), 'u');
  } catch {
    throw refusal(at, 'it has to be a regular expression of ECMA-262');
  }
}

function numberOf(schema: z.ZodNumber, keywords: JsonSchemaSource, at: string): z.ZodType {
  const bound = (name: string): number | undefined => {
    const value = keywords[name];
    if (value === undefined || Number.isFinite(value)) return value as number | undefined;
    throw refusal(`${at}/${name}`, 'it has to be a number');
  };
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = Object.fromEntries(
    KEYWORDS.integer.map((name) => [name, bound(name)]),
  );
  let checked = schema;
  if (minimum !== undefined) checked = checked.min(minimum);
  if (maximum !== undefined) checked = checked.max(maximum);
  if (exclusiveMinimum !== undefined) checked = checked.gt(exclusiveMinimum);
  if (exclusiveMaximum !== undefined) checked = checked.lt(exclusiveMaximum);
  if (multipleOf !== undefined) {
    if (!(Number.isSafeInteger(multipleOf) && multipleOf > 0))
      throw refusal(`${at}/multipleOf`, 'it has to be a whole number above 0');
    checked = checked.multipleOf(multipleOf);
  }
  return checked;
}

/** The definition that a reference names. */
function definitionOf(ref: unknown): string | undefined {
  return /^#\/\$defs\/([^/~%]+)$/.exec(String(ref))?.[1];
}

/** The definitions that check the same value, not a part of it. */
function directReferences(source: unknown): string[] {
  if (!isSchema(source)) return [];
  const name = definitionOf(source.$ref);
  return [...(name === undefined ? [] : [name]), ...[source.anyOf, source.oneOf].flat().flatMap(directReferences)];
}

/** @throws {TypeError} for a keyword beside those, which would be ignored */
function only(
  source: JsonSchemaSource,
  at: string,
  keywords: readonly string[],
  beside = `${keywords[0] ?? 'a missing type'}: move it to where it applies`,
): JsonSchemaSource {
  const other = Object.keys(source).find((name) => !EVERYWHERE.has(name) && !keywords.includes(name));
  if (other === undefined) return source;
  const known =
    Object.values(KEYWORDS)
      .flat()
      .includes(other as never) || COMBINED.has(other);
  const advice = known
    ? `it is not checked beside ${beside}`
    : 'it is not supported: use zod, or check it in the handler';
  throw refusal(`${at}/${other}`, advice);
}

const COMBINED = new Set(['type', '$ref', 'const', 'enum', 'anyOf', 'oneOf']);

function count(value: unknown, at: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw refusal(at, 'it has to be a whole number from 0');
}

function isSchema(source: unknown): source is JsonSchemaSource {
  return typeof source === 'object' && source !== null && !Array.isArray(source);
}

function isTypeName(type: unknown): type is TypeName {
  return typeof type === 'string' && Object.hasOwn(KEYWORDS, type);
}

function refusal(at: string, advice: string): TypeError {
  return new TypeError(`JSON Schema, ${at || 'root'}: ${advice}`);
}
