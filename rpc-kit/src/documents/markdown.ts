import { CODES, type Code } from '../code.ts';
import { callersOf, type MethodContract, type ServiceContract } from '../contract.ts';
import { GRPC_STATUS } from '../grpc/status-code.ts';
import { resultSchemaOf, streamOf } from '../stream.ts';
import { documentedErrors, hasStatus, REFUSALS } from './answer-table.ts';
import { shellQuoted } from './docs-page/curl.ts';
import { exampleEvent } from './example-event.ts';
import { markdownTable } from './markdown-table.ts';
import { type JsonSchema, wireSchema } from './wire-schema.ts';

/**
 * The contract as a Markdown section: every method with its types, limits, errors and a curl line.
 * @param otherFaces paragraphs about a method on other faces
 */
export function contractMarkdown(
  contract: ServiceContract,
  url: string,
  otherFaces: (method: string) => readonly string[] = () => [],
): string {
  const methods = Object.entries(contract.methods).map(([name, method]) =>
    [methodMarkdown(name, method, url), ...otherFaces(name)].join('\n\n'),
  );
  return [`## ${contract.name}`, `${contract.summary} At ${url}, documents at ${url}/docs.`, ...methods].join('\n\n');
}

/** The table of codes as Markdown. */
export function codesMarkdown(): string {
  const rows = Object.entries(CODES).map(([code, { jsonRpc, http, retry }]) => [
    code,
    jsonRpc,
    http,
    GRPC_STATUS[code as Code],
    retry.replaceAll('-', ' '),
  ]);
  return markdownTable(['code', 'JSON-RPC', 'HTTP (plain face)', 'gRPC', 'a caller may retry'], rows);
}

/** The refusals of every method, besides the errors that it declares, as Markdown. */
export function refusalsMarkdown(): string {
  const rows = REFUSALS.map((refusal) => {
    const { status, code, reason, when, to, ofCalls } = refusal;
    return [
      hasStatus(refusal) ? status : '',
      reason ? `${code}, ${reason}` : code,
      to === 'every call' || !hasStatus(refusal) ? 'in the answer' : ofCalls ? `${status}, or in the answer` : status,
      when,
    ];
  });
  return markdownTable(['HTTP (plain face)', 'code', '/rpc', 'when'], rows);
}

/** Who may call each method, as a Markdown table: a row for each method, a column for each caller. */
export function accessMarkdown(contracts: readonly ServiceContract[]): string {
  const methods = contracts.flatMap(({ name, methods }) =>
    Object.entries(methods).map(([method, contract]) => ({ name: `${name}.${method}`, callers: callersOf(contract) })),
  );
  const callers = [...new Set(methods.flatMap(({ callers }) => callers))].toSorted();
  const rows = methods.map((method) => [
    method.name,
    ...callers.map((caller) => (method.callers.includes(caller) ? 'yes' : '')),
  ]);
  return markdownTable(['method', ...callers], rows);
}

function methodMarkdown(name: string, method: MethodContract, url: string): string {
  const example = JSON.stringify(method.example.params);
  const signature = [
    `- params: \`${typeText(wireSchema(method.params))}\``,
    `- ${streamOf(method) ? 'result, a stream of' : 'result:'} \`${typeText(wireSchema(resultSchemaOf(method)))}\``,
    `- ${limitsText(method)}`,
  ];
  const options = streamOf(method) ? '-sN' : '-s';
  const line = `curl ${options} -H content-type:application/json -d ${shellQuoted(example)} ${url}/${name}`;
  const curl = ['```sh', line, '```'];
  return [
    `### ${name}`,
    [method.summary, method.description].filter(Boolean).join(' '),
    signature.join('\n'),
    ...errorTable(method),
    curl.join('\n'),
    ...exampleOfAnswer(method),
  ].join('\n\n');
}

function exampleOfAnswer({ result, example }: MethodContract): string[] {
  if (!streamOf({ result })) return [`answers, for example, \`${JSON.stringify(example.result)}\``];
  return [
    'answers with server-sent events, for example',
    ['```text', exampleEvent({ result, example }).trimEnd(), '```'].join('\n'),
  ];
}

function limitsText(method: MethodContract): string {
  const stream = streamOf(method);
  const get = stream ? 'GET with its params in the query' : 'GET with a body';
  const facts = [`at most ${method.timeoutMs} ms`, method.reads ? `only reads (${get} works too)` : 'writes'];
  if (stream?.resume) facts.push(`resumed behind an item by ${stream.resume}, its ${stream.id}, or by Last-Event-ID`);
  if (method.access) facts.push(`called by ${method.access.callers.join(', ')}`);
  if (method.positions) facts.push(`by position: ${method.positions.join(', ')}`);
  if (method.retry === 'with-idempotency-key') facts.push('safe to repeat with an idempotency key');
  if (!method.reads && method.retry === 'safe') facts.push('safe to repeat');
  return facts.join(' · ');
}

function errorTable(method: MethodContract): string[] {
  const errors = documentedErrors(method);
  const bare = Object.entries(method.codes ?? {}).map(([code, when]) => {
    const { jsonRpc, http } = CODES[code as Code];
    return ['', code, jsonRpc, http, '', when];
  });
  if (errors.length + bare.length === 0) return [];
  const rows = errors.map((error) => [
    error.reason,
    error.code,
    error.jsonRpcCode,
    error.httpStatus,
    error.details ? `\`${typeText(error.details)}\`` : '',
    error.message,
  ]);
  return [markdownTable(['reason', 'code', 'JSON-RPC', 'HTTP', 'details', 'meaning'], [...rows, ...bare])];
}

/** A schema on one line: `{user: int64, items: [{sku: uint32, count: uint16 (1 or more)}] (1 to 100)}`. */
export function typeText(schema: JsonSchema): string {
  const alternatives = (schema.anyOf ?? schema.oneOf) as JsonSchema[] | undefined;
  if (alternatives) return alternatives.map(typeText).join(' | ');
  if ('$ref' in schema) return 'recursive';
  if (schema.enum) return (schema.enum as unknown[]).map((value) => JSON.stringify(value)).join(' | ');
  if ('const' in schema) return JSON.stringify(schema.const);
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeText({ ...schema, type })).join(' | ');
  if (schema.prefixItems) return `[${(schema.prefixItems as JsonSchema[]).map(typeText).join(', ')}]`;
  if (schema.type === 'array') {
    return `[${typeText((schema.items ?? {}) as JsonSchema)}]${range(schema.minItems, schema.maxItems)}`;
  }
  if (schema.type === 'object') return objectText(schema);
  if (schema.type === 'string') return `${schema.format ?? 'string'}${range(schema.minLength, schema.maxLength)}`;
  if (schema.type === 'integer') return `${schema.format ?? 'integer'}${integerRange(schema)}`;
  if (schema.type === 'number') return `number${numberRange(schema)}`;
  return String(schema.type ?? 'any');
}

function objectText(schema: JsonSchema): string {
  const required = new Set(schema.required as string[] | undefined);
  const members = Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>).map(
    ([name, member]) => `${name}${required.has(name) ? '' : '?'}: ${typeText(member)}`,
  );
  // `false` forbids further members and {} allows any, as results do: only a type for them is shown.
  const further = schema.additionalProperties as JsonSchema | boolean | undefined;
  if (typeof further === 'object' && Object.keys(further).length > 0) members.push(`*: ${typeText(further)}`);
  return `{${members.join(', ')}}`;
}

/** A format implies its range; only a narrower one is shown. */
function integerRange({ format, minimum, maximum, ...exclusive }: JsonSchema): string {
  const whole: Record<string, number> = { uint16: 65_535, uint32: 4_294_967_295 };
  if (format === 'int64' || format === 'uint64') return '';
  const high = whole[String(format)];
  return numberRange({
    ...exclusive,
    minimum: high !== undefined && minimum === 0 ? undefined : minimum,
    maximum: maximum === high ? undefined : maximum,
  });
}

function numberRange({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema): string {
  const texts = [
    exclusiveMinimum === undefined ? undefined : `above ${exclusiveMinimum}`,
    rangeText(minimum, maximum),
    exclusiveMaximum === undefined ? undefined : `below ${exclusiveMaximum}`,
  ].filter((text) => text !== undefined);
  return texts.length === 0 ? '' : ` (${texts.join(', ')})`;
}

function range(from: unknown, to: unknown): string {
  const text = rangeText(from, to);
  return text === undefined ? '' : ` (${text})`;
}

/** `1 to 100`, `1 or more` or `at most 100`. */
export function rangeText(from: unknown, to: unknown): string | undefined {
  if (to === undefined) return from === undefined ? undefined : `${from} or more`;
  return from === undefined ? `at most ${to}` : `${from} to ${to}`;
}
