import { toWireInteger } from '../../schema/json.ts';
import type { JsonSchema } from '../wire-schema.ts';

/** The keywords of JSON Schema 2020-12 that the page describes. */
interface SchemaKeywords {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly minimum?: unknown;
  readonly maximum?: unknown;
  readonly exclusiveMinimum?: unknown;
  readonly exclusiveMaximum?: unknown;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly items?: JsonSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
}

/** Schemas come from `z.toJSONSchema`, so their keywords have the types that JSON Schema defines. */
export function keywordsOf(schema: JsonSchema): SchemaKeywords {
  return schema;
}

/** JSON text with every digit kept. */
export function jsonText(value: unknown, indent?: number): string {
  const exact = (_key: string, member: unknown) => (typeof member === 'bigint' ? toWireInteger(member) : member);
  return JSON.stringify(value, exact, indent);
}

/** The type without its members: `int64`, `array of object`, `"new" or "payed"`. */
export function typeName(schema: JsonSchema): string {
  const { $ref, type, format, items, ...rest } = keywordsOf(schema);
  const alternatives = rest.oneOf ?? rest.anyOf;
  if (rest.const !== undefined) return jsonText(rest.const);
  if (rest.enum) return rest.enum.map((value) => jsonText(value)).join(' or ');
  if (alternatives) return [...new Set(alternatives.map(typeName))].join(' or ');
  // zod writes a reference only where a schema contains itself.
  if ($ref !== undefined) return $ref.includes('/$defs/') ? $ref.slice($ref.lastIndexOf('/') + 1) : 'the whole again';
  const named = (name: string): string => {
    if (name === 'array') return items ? `array of ${typeName(items)}` : name;
    if (format === undefined || name === 'null') return name;
    return name === 'string' ? `string, ${format}` : format;
  };
  return [type ?? (rest.allOf ? 'object' : 'any')].flat().map(named).join(' or ');
}

/** The constraints beyond the type, a phrase each: `1 … 65535`, `at most 100 items`. */
export function constraintTexts(schema: JsonSchema): string[] {
  const { exclusiveMinimum, exclusiveMaximum, pattern, format, ...rest } = keywordsOf(schema);
  const texts = [
    rangeText(rest.minimum, rest.maximum),
    exclusiveMinimum !== undefined && `above ${jsonText(exclusiveMinimum)}`,
    exclusiveMaximum !== undefined && `below ${jsonText(exclusiveMaximum)}`,
    countText(rest.minLength, rest.maxLength, 'character'),
    // A format already implies its pattern.
    pattern !== undefined && format === undefined && `matches ${pattern}`,
    countText(rest.minItems, rest.maxItems, 'item'),
    rest.default !== undefined && `default ${jsonText(rest.default)}`,
  ];
  return texts.filter((text) => text !== undefined && text !== false);
}

function rangeText(minimum: unknown, maximum: unknown): string | undefined {
  if (minimum !== undefined && maximum !== undefined) return `${jsonText(minimum)} … ${jsonText(maximum)}`;
  if (minimum !== undefined) return `at least ${jsonText(minimum)}`;
  return maximum === undefined ? undefined : `at most ${jsonText(maximum)}`;
}

function countText(min = 0, max: number | undefined, noun: string): string | undefined {
  const counted = (count: number): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
  if (max === undefined) return min === 0 ? undefined : `at least ${counted(min)}`;
  if (min === max) return counted(max);
  return min === 0 ? `at most ${counted(max)}` : `${min} … ${counted(max)}`;
}
