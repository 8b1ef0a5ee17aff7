import { z } from 'zod';
import { CODES } from './code.ts';
import { type MethodContract, retrySafetyOf, type ServiceContract } from './contract.ts';
import { WIDE_BOUNDS } from './wire-types.ts';

/** JSON Schema as plain data. */
export type JsonSchema = Readonly<Record<string, unknown>>;

export interface OpenRpcMethod {
  readonly name: string;
  readonly summary: string;
  readonly description?: string | undefined;
  readonly paramStructure: 'by-name' | 'either';
  readonly params: readonly { readonly name: string; readonly required: boolean; readonly schema: JsonSchema }[];
  readonly result: { readonly name: string; readonly schema: JsonSchema };
  readonly errors: readonly { readonly code: number; readonly message: string; readonly data?: unknown }[];
  readonly examples: readonly OpenRpcExample[];
  readonly 'x-timeout-ms': number;
  readonly 'x-reads': boolean;
  readonly 'x-retry': string;
  readonly 'x-positions'?: readonly string[] | undefined;
  readonly 'x-errors': readonly DocumentedError[];
}

interface OpenRpcExample {
  readonly name: string;
  readonly params: readonly { readonly name: string; readonly value: unknown }[];
  readonly result: { readonly name: string; readonly value: unknown };
}

/** A declared reason with everything a caller needs to recognise it. */
export interface DocumentedError {
  readonly reason: string;
  readonly code: string;
  readonly httpStatus: number;
  readonly jsonRpcCode: number;
  readonly message: string;
  readonly details?: JsonSchema | undefined;
}

export interface OpenRpcDocument {
  readonly openrpc: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly methods: readonly OpenRpcMethod[];
}

/** The contract as an OpenRPC 1.3 document (https://spec.open-rpc.org). */
export function openRpcDocument(contract: ServiceContract): OpenRpcDocument {
  return {
    openrpc: '1.3.2',
    info: { title: contract.name, version: contract.version, description: contract.summary },
    methods: Object.entries(contract.methods).map(([name, method]) => toOpenRpcMethod(name, method)),
  };
}

function toOpenRpcMethod(name: string, method: MethodContract): OpenRpcMethod {
  const params = wireSchema(method.params);
  const required = new Set(params.required as string[] | undefined);
  const properties = Object.entries((params.properties ?? {}) as Record<string, JsonSchema>);
  const errors = documentedErrors(method);
  return {
    name,
    summary: method.summary,
    description: method.description,
    paramStructure: method.positions ? 'either' : 'by-name',
    params: inOrder(properties, method.positions).map(([param, schema]) => ({
      name: param,
      required: required.has(param),
      schema,
    })),
    result: { name: `${name}Result`, schema: wireSchema(method.result) },
    errors: distinctCodes(errors),
    examples: [
      {
        name: 'example',
        params: Object.entries(method.example.params).map(([param, value]) => ({ name: param, value })),
        result: { name: 'result', value: method.example.result },
      },
    ],
    'x-timeout-ms': method.timeoutMs,
    'x-reads': method.reads ?? false,
    'x-retry': retrySafetyOf(method),
    'x-positions': method.positions,
    'x-errors': errors,
  };
}

/** Positional params come first and in their order, because OpenRPC gives the order by the list. */
function inOrder<T>(entries: [string, T][], positions: readonly string[] = []): [string, T][] {
  const rank = (name: string): number => (positions.includes(name) ? positions.indexOf(name) : positions.length);
  return entries.toSorted(([a], [b]) => rank(a) - rank(b));
}

/** OpenRPC wants one entry a code; the reasons under it are in its data and in `x-errors`. */
function distinctCodes(errors: readonly DocumentedError[]) {
  const byCode = Map.groupBy(errors, (error) => error.jsonRpcCode);
  return [...byCode].map(([code, reasons]) => ({
    code,
    message: reasons.map((error) => error.message).join(' · '),
    data: { code: reasons[0]?.code, reasons: reasons.map((error) => error.reason) },
  }));
}

export function documentedErrors(method: MethodContract): DocumentedError[] {
  return Object.entries(method.errors ?? {}).map(([reason, error]) => ({
    reason,
    code: error.code,
    httpStatus: CODES[error.code].http,
    jsonRpcCode: CODES[error.code].jsonRpc,
    message: error.message,
    details: error.details && wireSchema(error.details),
  }));
}

/** A schema's wire side as JSON Schema 2020-12, without the `$schema` line that a nested schema does not need. */
export function wireSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return withExactBounds(rest) as JsonSchema;
}

/** zod copies schemas through plain JSON, where the bounds of 64-bit integers lose their last digits; here they are put right. */
function withExactBounds(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withExactBounds);
  if (typeof value !== 'object' || value === null) return value;
  const schema = Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withExactBounds(member)]));
  const exact = WIDE_BOUNDS[schema.format as keyof typeof WIDE_BOUNDS];
  return schema.type === 'integer' && exact ? { ...schema, ...exact } : schema;
}
