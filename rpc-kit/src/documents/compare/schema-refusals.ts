import { isDeepStrictEqual } from 'node:util';
import { typeText } from '../markdown.ts';

/** A JSON Schema of a contract's wire form. */
export type Schema = Readonly<Record<string, unknown>>;

/** A kind of value that fits one schema and that another refuses. `path` is that of the member: `items/count`. */
export type Refusal = { readonly path: string } & (
  | { readonly kind: 'absent'; readonly isKnown: boolean; readonly isRequired: boolean }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'choice'; readonly value: string }
  | { readonly kind: 'keyword'; readonly keyword: string; readonly given: unknown; readonly accepted: unknown }
);

const LOWER_BOUNDS = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems'];
const UPPER_BOUNDS = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems'];
/** Keywords whose values are compared as a whole: any change may refuse values. */
const OTHERS = [
  'pattern',
  'format',
  'allOf',
  'not',
  '$ref',
  '$defs',
  'prefixItems',
  'propertyNames',
  'uniqueItems',
  'multipleOf',
];

/** The values of the first schema that the second refuses; also members that only the second has, if it does not require them. */
export function refusalsBetween(given: Schema, accepted: Schema, path = ''): Refusal[] {
  const refuse = (keyword: string): Refusal => {
    return { path, kind: 'keyword', keyword, given: given[keyword], accepted: accepted[keyword] };
  };
  if (isDeepStrictEqual(given, accepted)) return [];
  if (alternativesOf(given) ?? alternativesOf(accepted)) return refusedAlternatives(given, accepted, path);
  if (!fitsType(given.type, accepted.type)) return [refuse('type')];
  const narrowed = [
    ...LOWER_BOUNDS.filter((bound) => isBounded(accepted, given, bound, (limit, old) => limit > old)),
    ...UPPER_BOUNDS.filter((bound) => isBounded(accepted, given, bound, (limit, old) => limit < old)),
    ...OTHERS.filter(
      (keyword) => accepted[keyword] !== undefined && !isDeepStrictEqual(given[keyword], accepted[keyword]),
    ),
  ];
  // The format of a number says no more than its bounds.
  const keywords = narrowed.filter((keyword) => keyword !== 'format' || accepted.type === 'string');
  return [
    ...keywords.map(refuse),
    ...refusedChoices(given, accepted, path),
    ...refusedMembers(given, accepted, path),
    ...refusedFurtherMembers(given, accepted, path),
    ...(given.items && accepted.items ? refusalsBetween(given.items as Schema, accepted.items as Schema, path) : []),
  ];
}

const fitsType = (given: unknown, accepted: unknown): boolean =>
  accepted === undefined || isDeepStrictEqual(given, accepted) || (given === 'integer' && accepted === 'number');

const alternativesOf = ({ anyOf, oneOf }: Schema) => (anyOf ?? oneOf) as readonly Schema[] | undefined;

/** Each alternative has to fit one of the other schema. */
function refusedAlternatives(given: Schema, accepted: Schema, path: string): Refusal[] {
  const allowed = alternativesOf(accepted) ?? [accepted];
  return (alternativesOf(given) ?? [given]).flatMap((alternative): Refusal[] => {
    const tries = allowed.map((schema) => refusalsBetween(alternative, schema, path));
    const fit = tries.find((refusals) => refusals.every((refusal) => refusal.kind === 'absent' && !refusal.isRequired));
    return fit ?? [{ path, kind: 'choice', value: typeText(alternative) }];
  });
}

type Bound = number | bigint;

function isBounded(
  accepted: Schema,
  given: Schema,
  bound: string,
  isNarrower: (limit: Bound, old: Bound) => boolean,
): boolean {
  const [limit, old] = [accepted[bound], given[bound]] as (Bound | undefined)[];
  return limit !== undefined && (old === undefined || isNarrower(limit, old));
}

function refusedChoices(given: Schema, accepted: Schema, path: string): Refusal[] {
  const [offered, allowed] = [choicesOf(given), choicesOf(accepted)];
  if (!allowed) return [];
  if (!offered) return [{ path, kind: 'keyword', keyword: 'enum', given: undefined, accepted: allowed }];
  const refused = offered.filter((value) => !allowed.includes(value));
  return refused.map((value) => ({ path, kind: 'choice', value: JSON.stringify(value) }));
}

function choicesOf(schema: Schema): readonly unknown[] | undefined {
  return 'const' in schema ? [schema.const] : (schema.enum as readonly unknown[] | undefined);
}

/** Of a record: its values. */
function refusedFurtherMembers(given: Schema, accepted: Schema, path: string): Refusal[] {
  const [offered, allowed] = [given.additionalProperties, accepted.additionalProperties];
  if (typeof allowed !== 'object' || offered === false) return [];
  if (typeof offered === 'object') return refusalsBetween(offered as Schema, allowed as Schema, below(path, '*'));
  return [{ path, kind: 'keyword', keyword: 'additionalProperties', given: offered, accepted: allowed }];
}

const below = (path: string, name: string): string => (path === '' ? name : `${path}/${name}`);

function refusedMembers(given: Schema, accepted: Schema, path: string): Refusal[] {
  const [offered, known] = [given.properties ?? {}, accepted.properties ?? {}] as Record<string, Schema>[];
  const isRequired = (schema: Schema, name: string): boolean =>
    (schema.required as string[] | undefined)?.includes(name) ?? false;
  const shared = Object.entries(known ?? {}).flatMap(([name, schema]): Refusal[] => {
    const own = offered?.[name];
    const isAbsent = !own || (isRequired(accepted, name) && !isRequired(given, name));
    const absent = { kind: 'absent', isKnown: own !== undefined, isRequired: isRequired(accepted, name) } as const;
    return [
      ...(isAbsent ? [{ path: below(path, name), ...absent }] : []),
      ...(own ? refusalsBetween(own, schema, below(path, name)) : []),
    ];
  });
  if (accepted.additionalProperties !== false) return shared;
  const unknown = Object.keys(offered ?? {}).filter((name) => !Object.hasOwn(known ?? {}, name));
  return [...shared, ...unknown.map((name): Refusal => ({ path: below(path, name), kind: 'unknown' }))];
}
