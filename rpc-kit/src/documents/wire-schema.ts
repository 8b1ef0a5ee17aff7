import * as z from 'zod';
import { isRawNumber } from '../schema/json.ts';
import { WIDE_BOUNDS } from '../schema/wire-types.ts';

/** JSON Schema as plain data. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** The wire form of a schema as JSON Schema 2020-12, without the `$schema` keyword, which a nested schema does not need. */
export function wireSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return withExactBounds(inlined(rest)) as JsonSchema;
}

/**
 * zod writes definitions for recursive schemas, and for all that have an `id` in their metadata. Only recursive ones stay, so that the params
 * of a method always have their members in place.
 */
function inlined({ $defs = {}, ...schema }: JsonSchema): JsonSchema {
  const definitions = $defs as Readonly<Record<string, JsonSchema>>;
  const recursive = Object.keys(definitions).filter((name) => reachedFrom(name, definitions).has(name));
  const place = (value: unknown, isKept = (name: string) => recursive.includes(name)): unknown => {
    if (Array.isArray(value)) return value.map((each) => place(each));
    if (typeof value !== 'object' || value === null) return value;
    const { $ref, ...rest } = value as JsonSchema;
    const name = definitionOf($ref);
    if (name !== undefined && !isKept(name)) return { ...(place(definitions[name]) as JsonSchema), ...rest };
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, place(member)]));
  };
  const whole = place(schema, () => false) as JsonSchema;
  if (recursive.length === 0) return whole;
  return { ...whole, $defs: Object.fromEntries(recursive.map((name) => [name, place(definitions[name])])) };
}

function definitionOf(ref: unknown): string | undefined {
  return typeof ref === 'string' && ref.startsWith('#/$defs/') ? ref.slice('#/$defs/'.length) : undefined;
}

/** The definitions that a definition needs, itself among them when it is recursive. */
function reachedFrom(name: string, definitions: Readonly<Record<string, JsonSchema>>): ReadonlySet<string> {
  const reached = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const found = definitionOf((value as JsonSchema).$ref);
    if (found !== undefined && !reached.has(found)) {
      reached.add(found);
      visit(definitions[found]);
    }
    for (const member of Object.values(value)) visit(member);
  };
  visit(definitions[name]);
  return reached;
}

/** zod copies schemas by JSON, which rounds the bounds of 64-bit integers. This restores their last digits. */
function withExactBounds(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withExactBounds);
  if (typeof value !== 'object' || value === null) return value;
  const schema = Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withExactBounds(member)]));
  const exact = WIDE_BOUNDS[schema.format as keyof typeof WIDE_BOUNDS];
  return schema.type === 'integer' && exact ? { ...schema, ...exact } : schema;
}

/** The schema at another place of a document: its references to itself, below `from`, lead below `to`. */
export function withReferences(schema: JsonSchema, from: string, to: string): JsonSchema {
  const moved = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(moved);
    if (typeof value !== 'object' || value === null || isRawNumber(value)) return value;
    const members = Object.entries(value).map(([key, member]) => [
      key,
      key === '$ref' && typeof member === 'string' && (member === from || member.startsWith(`${from}/`))
        ? to + member.slice(from.length)
        : moved(member),
    ]);
    return Object.fromEntries(members);
  };
  return moved(schema) as JsonSchema;
}
