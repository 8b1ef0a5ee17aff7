import { HTTP_LIMITS } from '../http/server/limits.ts';
import { hasStatus, REFUSALS, type Refusal } from './answer-table.ts';
import { headersOfAnswer, oneOf, pascalCase, refusalResponses } from './openapi-answers.ts';
import { METADATA_PARAMETER_REFS, SERVICE_TOKEN_REQUIRED } from './openapi-headers.ts';
import type { PageAddress } from './place.ts';
import type { JsonSchema } from './wire-schema.ts';

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

/** Refusals that `/rpc` sends in the form of the plain face; all others have the form of JSON-RPC. */
const isPlainOnRpc = ({ to, status }: Refusal): boolean => to === 'no request' || status === 405;
const ofPages = REFUSALS.filter(({ to }) => to === 'no request' || to === 'every request');
const ofRpc = REFUSALS.filter((refusal) => refusal.to !== 'every call' && hasStatus(refusal));

/** `POST /rpc`. Its body may be any JSON: a value that is no call is answered by an error with status 200. */
export function rpcPath() {
  const answers = {
    anyOf: [
      ref('JsonRpcAnswer'),
      { type: 'array', minItems: 1, maxItems: HTTP_LIMITS.batchLengthMax, items: ref('JsonRpcAnswer') },
    ],
  };
  return {
    post: {
      operationId: 'callByJsonRpc',
      tags: ['json-rpc'],
      summary: 'Carries out a JSON-RPC 2.0 call, or a batch of them.',
      description:
        'The methods are described by /openrpc.json. Errors of a call come with status 200. Headers count for every call ' +
        'of a batch that has no `meta` of its own. Only rpc.discover needs no token.',
      security: [...SERVICE_TOKEN_REQUIRED, {}],
      parameters: METADATA_PARAMETER_REFS,
      requestBody: {
        required: true,
        content: { 'application/json': { schema: RPC_BODY, example: DISCOVERY } },
      },
      responses: {
        '200': {
          description: 'The answer to a call, or to each call of a batch that has an id, in any order.',
          headers: headersOfAnswer(),
          content: { 'application/json': { schema: answers } },
        },
        '204': { description: 'There were notifications only.', headers: headersOfAnswer() },
        ...refusalResponses(ofRpc, rpcRefusalSchema),
      },
    },
  };
}

const DISCOVERY = { jsonrpc: '2.0', id: 1, method: 'rpc.discover' };
const RPC_BODY = {
  anyOf: [
    ref('JsonRpcCall'),
    { type: 'array', minItems: 1, maxItems: HTTP_LIMITS.batchLengthMax, items: ref('JsonRpcCall') },
    { description: 'Any other JSON is answered with the error invalid_request, with status 200.' },
  ],
};

function rpcRefusalSchema(refusals: readonly Refusal[]): JsonSchema {
  const plain = refusals.filter(isPlainOnRpc);
  const schemas = [
    ...(plain.length > 0 ? [oneOf(plain)] : []),
    ...(plain.length < refusals.length ? [ref('JsonRpcError')] : []),
  ];
  return schemas.length === 1 ? (schemas[0] as JsonSchema) : { anyOf: schemas };
}

interface PageFacts {
  readonly summary: string;
  readonly type: string;
  readonly schema: JsonSchema;
  /** The answer with status 503, if the page has one. */
  readonly unavailable?: { readonly when: string; readonly schema: JsonSchema };
}

function readiness(statuses: readonly string[]): JsonSchema {
  return {
    type: 'object',
    required: ['status', 'checks'],
    properties: {
      status: { enum: statuses },
      checks: { type: 'object', additionalProperties: { enum: ['ok', 'failed'] } },
    },
  };
}

/** The pages of a service. */
const PAGE_FACTS: Readonly<Record<PageAddress, PageFacts>> = {
  '/docs': { summary: 'Shows the methods, to read and try.', type: 'text/html', schema: { type: 'string' } },
  '/openrpc.json': {
    summary: 'Gives the OpenRPC document.',
    type: 'application/json',
    schema: { type: 'object', required: ['openrpc', 'info', 'methods'] },
  },
  '/openapi.json': {
    summary: 'Gives this document.',
    type: 'application/json',
    schema: { type: 'object', required: ['openapi', 'info', 'paths'] },
  },
  '/healthz': {
    summary: 'Answers as long as the process lives.',
    type: 'application/json',
    schema: { type: 'object', required: ['status'], properties: { status: { const: 'ok' } } },
  },
  '/readyz': {
    summary: 'Says whether the service can serve.',
    type: 'application/json',
    schema: readiness(['ready']),
    unavailable: { when: 'It cannot, or it is stopping.', schema: readiness(['not ready', 'stopping']) },
  },
  '/metrics': {
    summary: 'Gives the metrics in the text format of Prometheus.',
    type: 'text/plain',
    schema: { type: 'string' },
  },
};

export function pagePaths(pages: readonly PageAddress[]) {
  return Object.fromEntries(
    pages.map((path) => [path, { get: pageOperation(path, 'get'), head: pageOperation(path, 'head') }]),
  );
}

function pageOperation(path: PageAddress, verb: 'get' | 'head') {
  const { summary, type, schema, unavailable } = PAGE_FACTS[path];
  const refused = refusalResponses(ofPages, (those) => {
    const own = unavailable && those.some(({ status }) => status === 503) ? [unavailable.schema] : [];
    return own.length > 0 ? { anyOf: [...own, oneOf(those)] } : oneOf(those);
  });
  const read = { description: 'The page.', headers: headersOfAnswer(), content: { [type]: { schema } } };
  const responses = Object.entries({ '200': read, ...refused }).map(([status, { content, ...answer }]) => {
    const description =
      status === '503' && unavailable ? `- ${unavailable.when}\n${answer.description}` : answer.description;
    return [status, { ...answer, description, ...(verb === 'get' ? { content } : {}) }];
  });
  return {
    operationId: `${verb}${pascalCase(path.replaceAll(/\W+/g, '_'))}`,
    tags: ['pages'],
    summary,
    responses: Object.fromEntries(responses),
  };
}
