import { isDeepStrictEqual } from 'node:util';
import { typeText } from '../markdown.ts';
import { BOUND_KEYWORDS, passedBounds } from './schema-bounds.ts';

/** A JSON Schema of a contract's wire form. */
export type Schema = Readonly<Record<string, unknown>>;

/** A kind of value that fits one schema and that another refuses. `path` is that of the member: `items/count`. */
export type Refusal = { readonly path: string } & (
  | { readonly kind: 'absent'; readonly isKnown: boolean; readonly isRequired: boolean }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'choice'; readonly value: string }
  | { readonly kind: 'keyword'; readonly keyword: string; readonly given: unknown; readonly accepted: unknown }
);

/** Keywords that say nothing of values, or have rules of their own. All others are compared as a whole: any change may refuse values. */
const NOT_AS_A_WHOLE = new Set([
  ...['title', 'description', 'default', 'examples', 'deprecated', 'readOnly', 'writeOnly'],
  ...['$schema', '$id', '$comment', '$defs', 'definitions'],
  ...['type', 'enum', 'const', 'anyOf', 'oneOf', 'items', 'properties', 'required', 'additionalProperties'],
  ...BOUND_KEYWORDS,
]);

/** The values of the first schema that the second refuses; also members that only the second has, if it does not require them. */
export function refusalsBetween(given: Schema, accepted: Schema): Refusal[] {
  return new Comparison(given, accepted).between(given, accepted, '');
}

class Comparison {
  readonly #givenRoot: Schema;
  readonly #acceptedRoot: Schema;
  /** Pairs that are being compared: a recursive schema comes back to them. */
  readonly #open: (readonly [Schema, Schema])[] = [];

  constructor(given: Schema, accepted: Schema) {
    this.#givenRoot = given;
    this.#acceptedRoot = accepted;
  }

  between(given: unknown, accepted: unknown, path: string): Refusal[] {
    if (given === false || accepted === true) return [];
    return this.#ofSchemas(
      given === true ? {} : (given as Schema),
      accepted === false ? NOTHING : (accepted as Schema),
      path,
    );
  }

  #ofSchemas(given: Schema, accepted: Schema, path: string): Refusal[] {
    const [own, other] = [resolve(given, this.#givenRoot), resolve(accepted, this.#acceptedRoot)];
    if (own !== given || other !== accepted) return this.#ofReferences(own, other, path);
    if (alternativesOf(given) ?? alternativesOf(accepted)) return this.#refusedAlternatives(given, accepted, path);
    const choices = choicesOf(given);
    if (choices) return this.#refusedChoices(choices, accepted, path);
    const refuse = (keyword: string): Refusal => {
      return { path, kind: 'keyword', keyword, given: given[keyword], accepted: accepted[keyword] };
    };
    if (!fitsType(given.type, accepted.type)) return [refuse('type')];
    const allowed = choicesOf(accepted);
    return [
      ...passedBounds(given, accepted).map(refuse),
      ...changedKeywords(given, accepted).map(refuse),
      ...(allowed ? [{ path, kind: 'keyword', keyword: 'enum', given: undefined, accepted: allowed } as const] : []),
      ...this.#refusedMembers(given, accepted, path),
      ...this.#refusedFurtherMembers(given, accepted, path),
      ...(accepted.items === undefined ? [] : this.between(given.items ?? true, accepted.items, path)),
    ];
  }

  #ofReferences(given: Schema, accepted: Schema, path: string): Refusal[] {
    if (this.#open.some(([one, other]) => one === given && other === accepted)) return [];
    this.#open.push([given, accepted]);
    try {
      return this.between(given, accepted, path);
    } finally {
      this.#open.pop();
    }
  }

  /** Each alternative has to fit one of the other schema. */
  #refusedAlternatives(given: Schema, accepted: Schema, path: string): Refusal[] {
    const allowed = alternativesOf(accepted) ?? [accepted];
    const offered = alternativesOf(given) ?? choicesOf(given)?.map((value) => ({ const: value })) ?? [given];
    return offered.flatMap((alternative): Refusal[] => {
      const tries = allowed.map((schema) => this.between(alternative, schema, path));
      const fit = tries.find((refusals) => refusals.every(isNone));
      return fit ?? [{ path, kind: 'choice', value: typeText(alternative) }];
    });
  }

  #refusedChoices(choices: readonly unknown[], accepted: Schema, path: string): Refusal[] {
    const allowed = choicesOf(accepted);
    const fits = (value: unknown): boolean =>
      allowed
        ? allowed.some((choice) => isDeepStrictEqual(choice, value))
        : this.between(schemaOf(value, accepted), accepted, path).every(isNone);
    const refused = choices.filter((value) => !fits(value));
    return refused.map((value) => ({ path, kind: 'choice', value: JSON.stringify(value) }));
  }

  #refusedMembers(given: Schema, accepted: Schema, path: string): Refusal[] {
    const [offered, known] = [given.properties ?? {}, accepted.properties ?? {}] as Record<string, Schema>[];
    const shared = Object.entries(known ?? {}).flatMap(([name, schema]): Refusal[] => {
      const own = memberOf(offered, name);
      const isRequired = requires(accepted, name);
      const isAbsent = !own || (isRequired && !requires(given, name));
      const sent = own ?? (isType(given.additionalProperties) ? given.additionalProperties : undefined);
      return [
        ...(isAbsent
          ? [{ path: below(path, name), kind: 'absent', isKnown: own !== undefined, isRequired } as const]
          : []),
        ...(sent ? this.between(sent, schema, below(path, name)) : []),
      ];
    });
    const unknown = Object.entries(offered ?? {}).filter(([name]) => !memberOf(known, name));
    const further = accepted.additionalProperties;
    return [
      ...shared,
      ...unknown.flatMap(([name, schema]): Refusal[] => {
        if (further === false) return [{ path: below(path, name), kind: 'unknown' }];
        return isType(further) ? this.between(schema, further, below(path, name)) : [];
      }),
    ];
  }

  /** Of a record: its values. Without the keyword, members that the schema does not declare are never written. */
  #refusedFurtherMembers(given: Schema, accepted: Schema, path: string): Refusal[] {
    const [offered = false, allowed = true] = [given.additionalProperties, accepted.additionalProperties];
    if (offered === false) return [];
    if (isType(allowed)) return this.between(offered, allowed, below(path, '*'));
    if (allowed !== false) return [];
    return [{ path, kind: 'keyword', keyword: 'additionalProperties', given: offered, accepted: allowed }];
  }
}

const NOTHING: Schema = { not: {} };

/** An optional member that is absent refuses nothing. */
const isNone = (refusal: Refusal): boolean => refusal.kind === 'absent' && !refusal.isRequired;

const below = (path: string, name: string): string => (path === '' ? name : `${path}/${name}`);

const memberOf = (members: Record<string, Schema> | undefined, name: string): Schema | undefined =>
  members && Object.hasOwn(members, name) ? members[name] : undefined;

const requires = ({ required = [] }: Schema, name: string): boolean => (required as string[]).includes(name);

/** A type for further members, not the permission of any. */
const isType = (further: unknown): further is Schema =>
  typeof further === 'object' && further !== null && Object.keys(further).length > 0;

/** A reference leads to another part of the same schema. */
function resolve(schema: Schema, root: Schema): Schema {
  const { $ref } = schema;
  if (typeof $ref !== 'string' || !$ref.startsWith('#')) return schema;
  const steps = $ref.split('/').slice(1);
  const found = steps.reduce<unknown>((part, step) => memberOf(part as Record<string, Schema>, step), root);
  return typeof found === 'object' && found !== null ? (found as Schema) : schema;
}

const fitsType = (given: unknown, accepted: unknown): boolean =>
  accepted === undefined || given === accepted || (given === 'integer' && accepted === 'number');

/** A list of types is one of alternatives too. */
function alternativesOf({ anyOf, oneOf, ...common }: Schema): readonly Schema[] | undefined {
  const alternatives = (anyOf ?? oneOf) as readonly Schema[] | undefined;
  if (alternatives) return alternatives.map((alternative) => ({ ...common, ...alternative }));
  const { type } = common;
  return Array.isArray(type) && !choicesOf(common) ? type.map((one) => ({ ...common, type: one })) : undefined;
}

function choicesOf(schema: Schema): readonly unknown[] | undefined {
  return Object.hasOwn(schema, 'const') ? [schema.const] : (schema.enum as readonly unknown[] | undefined);
}

/** The schema of one value, with the pattern and the format that it is compared with where it has them. */
function schemaOf(value: unknown, { pattern, format }: Schema): Schema {
  switch (typeof value) {
    case 'string': {
      const length = [...value].length;
      const isMatch = typeof pattern === 'string' && new RegExp(pattern, 'u').test(value);
      return { type: 'string', minLength: length, maxLength: length, ...(isMatch && { pattern, format }) };
    }
    case 'number':
      return { type: Number.isInteger(value) ? 'integer' : 'number', minimum: value, maximum: value };
    case 'bigint':
      return { type: 'integer', minimum: value, maximum: value };
    case 'boolean':
      return { type: 'boolean' };
    default:
      return value === null ? { type: 'null' } : {};
  }
}

function changedKeywords(given: Schema, accepted: Schema): string[] {
  return Object.keys(accepted).filter((keyword) => {
    if (NOT_AS_A_WHOLE.has(keyword) || isDeepStrictEqual(given[keyword], accepted[keyword])) return false;
    // The format of a number says no more than its bounds, and every name is a text.
    if (keyword === 'propertyNames') return !isDeepStrictEqual(accepted.propertyNames, { type: 'string' });
    return keyword !== 'format' || accepted.type === 'string';
  });
}
