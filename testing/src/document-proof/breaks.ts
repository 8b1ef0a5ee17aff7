import { rawNumber } from 'rpc-kit';
import { patternOf, type Schema, toBigint, wireInteger } from './values.ts';

/** A value that a schema does not allow. */
interface Break {
  readonly what: string;
  readonly value: unknown;
}

const KINDS: Readonly<Record<string, unknown>> = {
  null: null,
  boolean: true,
  string: 'text',
  array: [],
  object: {},
  integer: 7,
  number: 1.5,
};

/** Every way to break one rule of the params. An empty list means no params, so it breaks no rule if none is required. */
export function breaksOfParams(schema: Schema, valid: unknown, resolve: (ref: string) => Schema): Break[] {
  const breaks = breaksOf(schema, valid, resolve);
  const { required = [] } = (typeof schema.$ref === 'string' ? resolve(schema.$ref) : schema) as {
    required?: string[];
  };
  return required.length > 0 ? breaks : breaks.filter(({ value }) => !(Array.isArray(value) && value.length === 0));
}

/** Every way to break one rule of the schema, at any depth of the valid value. */
function breaksOf(schema: Schema, valid: unknown, resolve: (ref: string) => Schema): Break[] {
  if (typeof schema.$ref === 'string') return breaksOf(resolve(schema.$ref), valid, resolve);
  return [
    ...otherTypes(schema),
    ...beyondRange(schema),
    ...otherTexts(schema),
    ...otherLists(schema, valid, resolve),
    ...otherMembers(schema, valid, resolve),
  ];
}

function otherTypes({ type, enum: values, anyOf }: Schema): Break[] {
  if (anyOf !== undefined || (type === undefined && values === undefined)) return [];
  const types = [type ?? 'string'].flat();
  // A whole number is a number, and a text outside of an enum has the right type.
  const fits = (kind: string): boolean => types.includes(kind) || (kind === 'integer' && types.includes('number'));
  const others = Object.entries(KINDS).filter(([kind]) => !fits(kind));
  const listed = values === undefined ? [] : [{ what: 'a text that is not listed', value: 'no such value' }];
  return [...others.map(([kind, value]) => ({ what: `a value of the type ${kind}`, value })), ...listed];
}

function beyondRange({ type, minimum, maximum }: Schema): Break[] {
  if (type !== 'integer') return [];
  const [min, max] = [toBigint(minimum), toBigint(maximum)];
  return [
    ...(min === undefined ? [] : [{ what: 'one below the minimum', value: wireInteger(min - 1n) }]),
    ...(max === undefined ? [] : [{ what: 'one above the maximum', value: wireInteger(max + 1n) }]),
    { what: 'a number of 400 digits', value: rawNumber('9'.repeat(400)) },
    { what: 'a huge exponent', value: rawNumber('1e400') },
  ];
}

function otherTexts({ type, minLength, maxLength, pattern }: Schema): Break[] {
  if (type !== 'string') return [];
  const strange = ['', '\u0000', '\ud800', 'é', '2026-02-30T00:00:00Z', 'text'];
  const unmatched = strange.filter((text) => pattern !== undefined && !patternOf(pattern).test(text));
  return [
    ...(Number(minLength ?? 0) > 0 ? [{ what: 'an empty text', value: '' }] : []),
    ...(maxLength === undefined ? [] : [{ what: 'a text that is too long', value: 'x'.repeat(Number(maxLength) + 1) }]),
    ...unmatched.map((value) => ({ what: `the text ${JSON.stringify(value)}`, value })),
  ];
}

function otherLists({ items, minItems, maxItems }: Schema, valid: unknown, resolve: (ref: string) => Schema): Break[] {
  if (!Array.isArray(valid) || items === undefined) return [];
  const [first] = valid;
  const broken = breaksOf(items as Schema, first, resolve).map(({ what, value }) => ({
    what: `an item that is ${what}`,
    value: [value],
  }));
  return [
    ...(Number(minItems ?? 0) > 0 ? [{ what: 'an empty list', value: [] }] : []),
    ...(maxItems === undefined
      ? []
      : [{ what: 'a list that is too long', value: Array(Number(maxItems) + 1).fill(first) }]),
    ...broken,
  ];
}

function otherMembers(schema: Schema, valid: unknown, resolve: (ref: string) => Schema): Break[] {
  if (schema.type !== 'object' || typeof valid !== 'object' || valid === null) return [];
  const members = valid as Record<string, unknown>;
  const required = (schema.required ?? []) as string[];
  const properties = Object.entries((schema.properties ?? {}) as Record<string, Schema>);
  const without = (name: string) => Object.fromEntries(Object.entries(members).filter(([key]) => key !== name));
  return [
    ...required.map((name) => ({ what: `no ${name}`, value: without(name) })),
    ...(schema.additionalProperties === false
      ? [{ what: 'a member that is not known', value: { ...members, unknownMember: 1 } }]
      : []),
    ...properties.flatMap(([name, property]) =>
      breaksOf(property, members[name], resolve).map(({ what, value }) => ({
        what: `${name} is ${what}`,
        value: { ...members, [name]: value },
      })),
    ),
  ];
}
