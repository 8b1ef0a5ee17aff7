import { CODES } from '../code.ts';
import type { Methods } from '../contract.ts';
import { callMeta } from '../http/metadata.ts';
import { HTTP_LIMITS } from '../http/server/limits.ts';
import { hasStatus, REFUSALS, type Refusal, refusalsOfMethod } from './answer-table.ts';
import { type JsonSchema, wireSchema, withReferences } from './wire-schema.ts';

/** Headers of answers, by component name. */
export const RESPONSE_HEADERS = {
  RequestId: {
    description: "The request's id: the caller's where it was usable, else a new one.",
    required: true,
    schema: { type: 'string', minLength: 1, maxLength: 128 },
  },
  RetryAfter: {
    description: 'Whole seconds to wait before trying again (RFC 9110, section 10.2.3), where waiting helps.',
    schema: { type: 'integer', minimum: 0 },
  },
  CacheControl: { description: 'Given to GET and HEAD: no cache may keep the answer.', schema: { type: 'string' } },
  AllowOrigin: { description: 'The origin of the page, where the service allows it.', schema: { type: 'string' } },
  ExposeHeaders: { description: 'The headers that a listed page may read.', schema: { type: 'string' } },
  Vary: { description: 'Given where the service allows pages of other origins.', schema: { const: 'Origin' } },
  Allow: { description: 'The verbs that the address takes.', required: true, schema: { type: 'string' } },
  WwwAuthenticate: {
    description: 'How a caller authenticates (RFC 9110, section 11.6.1).',
    required: true,
    schema: { type: 'string' },
  },
  RateLimit: {
    description: 'What is left of the limit of this caller, where the service limits callers: `"caller";r=42;t=1`.',
    schema: { type: 'string' },
  },
  RateLimitPolicy: {
    description: 'The limit of this caller, where the service limits callers: `"caller";q=100;w=1`.',
    schema: { type: 'string' },
  },
} as const;

const ref = (kind: string, name: string) => ({ $ref: `#/components/${kind}/${name}` });

export function headersOfAnswer(refusals: readonly Refusal[] = []) {
  return {
    ...HEADERS_OF_EVERY_ANSWER,
    ...(refusals.some(({ status }) => status === 405) ? { allow: ref('headers', 'Allow') } : {}),
    ...(refusals.some(({ status }) => status === 401) ? { 'www-authenticate': ref('headers', 'WwwAuthenticate') } : {}),
    ...(refusals.some(({ code }) => CODES[code].retry !== 'never')
      ? { 'retry-after': ref('headers', 'RetryAfter') }
      : {}),
    ...(refusals.length === 0 || refusals.some(({ to }) => to === 'every call') ? HEADERS_OF_CALLS : {}),
  };
}

const HEADERS_OF_EVERY_ANSWER = {
  'x-request-id': ref('headers', 'RequestId'),
  'cache-control': ref('headers', 'CacheControl'),
  'access-control-allow-origin': ref('headers', 'AllowOrigin'),
  'access-control-expose-headers': ref('headers', 'ExposeHeaders'),
  vary: ref('headers', 'Vary'),
};
const HEADERS_OF_CALLS = {
  ratelimit: ref('headers', 'RateLimit'),
  'ratelimit-policy': ref('headers', 'RateLimitPolicy'),
};

/** Refusals as OpenAPI responses by status. */
export function refusalResponses(refusals: readonly Refusal[], schemaOf: (refusals: readonly Refusal[]) => JsonSchema) {
  const byStatus = Map.groupBy(refusals, ({ status }) => String(status));
  return Object.fromEntries(
    [...byStatus].map(([status, those]) => [
      status,
      {
        description: those.map(wordsOf).join('\n'),
        headers: headersOfAnswer(those),
        content: { 'application/json': { schema: schemaOf(those) } },
      },
    ]),
  );
}

function wordsOf({ code, reason, when }: Refusal): string {
  return `- ${reason ? `${reason} (${code})` : code}: ${when}`;
}

const OVER_HTTP = REFUSALS.filter(hasStatus);

/** The refusals of every method by status, with a body and, for HEAD, without. A method describes the statuses of its own errors itself. */
export const REFUSAL_RESPONSES = Object.fromEntries(
  Object.entries(refusalResponses(OVER_HTTP, (those) => oneOf(those))).flatMap(([status, response]) => {
    const { content: _body, ...withoutBody } = response;
    return [
      [`Refusal${status}`, response],
      [`Refusal${status}Head`, withoutBody],
    ];
  }),
);

/** The schema of a body that is one of the refusals. */
export function oneOf(refusals: readonly Refusal[], method = ''): JsonSchema {
  const names = [...new Set(refusals.map((refusal) => schemaName(refusal, method)))];
  const schemas = names.map((name) => ref('schemas', name));
  return schemas.length === 1 ? (schemas[0] as JsonSchema) : { anyOf: schemas };
}

/** The bodies of all refusals, by component name. */
export function errorSchemas(methods: Methods): Record<string, JsonSchema> {
  const common = OVER_HTTP.map((refusal) => errorComponent(refusal, ''));
  const ofMethods = Object.entries(methods).flatMap(([name, method]) =>
    refusalsOfMethod(method)
      .filter((refusal) => !REFUSALS.includes(refusal))
      .map((refusal) => errorComponent(refusal, name)),
  );
  return Object.fromEntries([...common, ...ofMethods]);
}

/** Schemas of declared reasons are named after the method too, because two methods may declare one reason with different details. */
function schemaName(refusal: Refusal, method: string): string {
  const owner = REFUSALS.includes(refusal) ? '' : pascalCase(method);
  return `${owner}${pascalCase(refusal.reason ?? refusal.code)}Error`;
}

export function pascalCase(name: string): string {
  return name.replaceAll(/(?:^|_)([a-z])/g, (_all, letter: string) => letter.toUpperCase());
}

const MESSAGE = { type: 'string', description: 'One sentence for people.' };
const REQUEST_ID = { type: 'string', minLength: 1, maxLength: 128 };
const RETRY_AFTER_MS = { type: 'number', minimum: 0, description: 'How long to wait before trying again.' };

function errorComponent({ details, ...refusal }: Refusal, method: string): [name: string, schema: JsonSchema] {
  const name = schemaName(refusal, method);
  const place = `#/components/schemas/${name}/properties/error/properties/details`;
  return [name, errorSchema(details ? { ...refusal, details: withReferences(details, '#', place) } : refusal)];
}

function errorSchema({ code, reason, details }: Refusal): JsonSchema {
  // The error of params by position, sent to a method that takes none, has no details.
  const hasDetails = details !== undefined && code !== 'invalid_params';
  const error = {
    type: 'object',
    required: ['code', ...(reason ? ['reason'] : []), 'message', ...(hasDetails ? ['details'] : []), 'requestId'],
    additionalProperties: false,
    properties: {
      code: { const: code },
      ...(reason ? { reason: { const: reason } } : {}),
      message: MESSAGE,
      ...(details ? { details } : {}),
      retryAfterMs: RETRY_AFTER_MS,
      requestId: REQUEST_ID,
    },
  };
  return { type: 'object', required: ['error'], additionalProperties: false, properties: { error } };
}

/** zod's schema describes the bounded deadline; a caller may send any whole number. */
function metaSchema(): JsonSchema {
  const meta = wireSchema(callMeta);
  const properties = { ...(meta.properties as JsonSchema), deadlineMs: { type: 'integer' } };
  return { ...meta, description: 'In place of the headers, for this call alone.', properties };
}

const RPC_ID = { type: ['string', 'number', 'null'], maxLength: HTTP_LIMITS.idLengthMax };

export function jsonRpcSchemas(): Record<string, JsonSchema> {
  return {
    JsonRpcCall: {
      type: 'object',
      description: 'A call; without `id` a notification, which is not answered.',
      required: ['jsonrpc', 'method'],
      properties: {
        jsonrpc: { const: '2.0' },
        method: { type: 'string', description: 'A method of /openrpc.json, or rpc.discover.' },
        params: { type: ['object', 'array'], description: 'By name, or by position where the method takes it.' },
        id: RPC_ID,
        meta: metaSchema(),
      },
    },
    JsonRpcResult: {
      type: 'object',
      required: ['jsonrpc', 'id', 'result'],
      additionalProperties: false,
      properties: { jsonrpc: { const: '2.0' }, id: RPC_ID, result: {} },
    },
    JsonRpcError: {
      type: 'object',
      required: ['jsonrpc', 'id', 'error'],
      additionalProperties: false,
      properties: {
        jsonrpc: { const: '2.0' },
        id: RPC_ID,
        error: {
          type: 'object',
          required: ['code', 'message', 'data'],
          additionalProperties: false,
          properties: {
            code: { enum: Object.values(CODES).map(({ jsonRpc }) => jsonRpc) },
            message: MESSAGE,
            data: {
              type: 'object',
              required: ['code', 'requestId'],
              additionalProperties: false,
              properties: {
                code: { enum: Object.keys(CODES) },
                reason: { type: 'string', description: 'A reason that the method declares.' },
                details: { description: 'Facts in the shape that the reason has.' },
                retryAfterMs: RETRY_AFTER_MS,
                requestId: REQUEST_ID,
              },
            },
          },
        },
      },
    },
    JsonRpcAnswer: { anyOf: [ref('schemas', 'JsonRpcResult'), ref('schemas', 'JsonRpcError')] },
  };
}
