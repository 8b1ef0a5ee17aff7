import { rangeText, typeText } from '../../documents/markdown.ts';
import { type JsonSchema, wireSchema } from '../../documents/wire-schema.ts';
import type { FieldModel } from './message-model.ts';

/** They say no more than the type of the field. */
const PLAIN_TYPES: ReadonlySet<string> = new Set(['int64', 'uint64', 'uint32', 'string', 'boolean', 'number']);

/** What the service checks beyond the type of the field: `uint16 (1 to 100), default 20`. */
export function limitsText({ schema, type }: FieldModel): string | undefined {
  const wire = wireSchema(schema);
  const isList = wire.type === 'array';
  const count = isList ? rangeText(wire.minItems, wire.maxItems) : undefined;
  const value = type.kind === 'scalar' ? typeText((isList ? wire.items : wire) as JsonSchema) : 'string';
  const limits = [
    ...(count ? [`${count} elements`] : []),
    ...(PLAIN_TYPES.has(value) ? [] : [value]),
    ...('default' in wire ? [`default ${JSON.stringify(wire.default)}`] : []),
  ];
  return limits.length === 0 ? undefined : limits.join(', ');
}
