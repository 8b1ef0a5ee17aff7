import * as z from 'zod';
import { isRawNumber } from '../schema/json.ts';
import { WIDE_BOUNDS } from '../schema/wire-types.ts';

/** JSON Schema as plain data. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** The wire form of a schema as JSON Schema 2020-12, without the `$schema` keyword, which a nested schema does not need. */
export function wireSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return withExactBounds(rest) as JsonSchema;
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
