import * as z from 'zod';

/** Scalar types of protobuf that contracts use. uint16 is a uint32 whose range the schema checks. */
export type Scalar = 'int64' | 'uint64' | 'uint32' | 'string' | 'bool' | 'double';

const UINT32_MAX = 2 ** 32 - 1;

/** The scalar of a schema's wire form; `undefined` for a schema that has none. */
export function scalarOf(schema: z.core.$ZodType): Scalar | 'timestamp' | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  const format = z.globalRegistry.get(schema as z.ZodType)?.format;
  switch (def.type) {
    case 'pipe':
      return format === 'date-time' ? 'timestamp' : scalarOf(def.in);
    case 'custom':
      return format === 'int64' || format === 'uint64' ? format : undefined;
    case 'number':
      return format === 'uint16' || format === 'uint32' ? 'uint32' : isWhole(def) ? 'int64' : 'double';
    case 'string':
      return 'string';
    case 'boolean':
      return 'bool';
    case 'literal':
      return scalarOfLiteral(def.values);
    default:
      return undefined;
  }
}

/** `z.int()`, and `z.number().int()`, which adds a check. */
function isWhole(def: z.core.$ZodNumberDef): boolean {
  const formats = [def, ...(def.checks ?? []).map(({ _zod }) => _zod.def)] as readonly { readonly format?: unknown }[];
  return formats.some(({ format }) => format === 'safeint' || format === 'int32' || format === 'uint32');
}

function scalarOfLiteral(values: readonly unknown[]): Scalar | undefined {
  if (values.every((value) => typeof value === 'string')) return 'string';
  if (values.every((value) => typeof value === 'boolean')) return 'bool';
  return values.every((value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= UINT32_MAX)
    ? 'uint32'
    : undefined;
}
