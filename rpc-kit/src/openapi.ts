import { CODES, type Code } from './code.ts';
import type { MethodContract, ServiceContract } from './contract.ts';
import { documentedErrors, type JsonSchema, wireSchema } from './openrpc.ts';

/** Codes that any call can end with, whatever the method. */
const ALWAYS_POSSIBLE = [
  'invalid_params',
  'deadline_exceeded',
  'unavailable',
  'resource_exhausted',
  'internal',
] as const satisfies Code[];

const metadataParameters = [
  header('x-request-id', 'Names the request in logs and answers; made up when missing.', {
    type: 'string',
    maxLength: 128,
  }),
  header('x-deadline-ms', 'Milliseconds that the caller still waits.', { type: 'integer' }),
  header('idempotency-key', 'Names the intended effect, so that sending it twice has it once.', {
    type: 'string',
    minLength: 1,
    maxLength: 255,
  }),
  header('traceparent', 'W3C Trace Context.', { type: 'string' }),
];

/** The contract's plain face as an OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1). */
export function openApiDocument(contract: ServiceContract) {
  const paths = Object.entries(contract.methods).map(([name, method]) => [
    `/${name}`,
    { post: operation(name, method) },
  ]);
  return {
    openapi: '3.1.0',
    info: { title: contract.name, version: contract.version, description: contract.summary },
    paths: Object.fromEntries(paths),
    components: { schemas: { Error: errorSchema() } },
  };
}

function operation(name: string, method: MethodContract) {
  return {
    operationId: name,
    summary: method.summary,
    ...(method.description ? { description: method.description } : {}),
    parameters: metadataParameters,
    requestBody: {
      required: true,
      content: { 'application/json': { schema: wireSchema(method.params), example: method.example.params } },
    },
    responses: {
      '200': {
        description: 'The result',
        content: { 'application/json': { schema: wireSchema(method.result), example: method.example.result } },
      },
      ...errorResponses(method),
    },
    'x-timeout-ms': method.timeoutMs,
  };
}

/** One entry a status: OpenAPI cannot tell answers of one status apart, so it lists the reasons in words. */
function errorResponses(method: MethodContract) {
  const declared = documentedErrors(method).map((error) => ({
    status: error.httpStatus,
    text: `${error.reason} (${error.code}): ${error.message}`,
  }));
  const common = ALWAYS_POSSIBLE.map((code) => ({ status: CODES[code].http, text: code }));
  const byStatus = Map.groupBy([...declared, ...common], ({ status }) => status);
  return Object.fromEntries(
    [...byStatus].map(([status, errors]) => [
      String(status),
      {
        description: errors.map(({ text }) => text).join('\n\n'),
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    ]),
  );
}

function errorSchema(): JsonSchema {
  return {
    type: 'object',
    required: ['error'],
    properties: {
      error: {
        type: 'object',
        required: ['code', 'message', 'requestId'],
        properties: {
          code: { enum: Object.keys(CODES) },
          reason: { type: 'string', description: 'A reason that the method declares.' },
          message: { type: 'string' },
          details: { description: 'Facts in the shape that the reason gives.' },
          retryAfterMs: { type: 'integer', description: 'How long to wait before trying again.' },
          requestId: { type: 'string' },
        },
      },
    },
  };
}

function header(name: string, description: string, schema: JsonSchema) {
  return { name, in: 'header', required: false, description, schema };
}
