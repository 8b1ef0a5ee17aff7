import { callersOf, type MethodContract, type Methods } from '../contract.ts';
import { resultSchemaOf } from '../stream.ts';
import { REFUSALS, refusalsOfMethod } from './answer-table.ts';
import { headersOfAnswer, oneOf, pascalCase, refusalResponses } from './openapi-answers.ts';
import { METADATA_PARAMETER_REFS, SERVICE_TOKEN_REQUIRED } from './openapi-headers.ts';
import { type JsonSchema, wireSchema } from './wire-schema.ts';

/** A path for every method; methods that only read also accept GET and HEAD. */
export function methodPaths(methods: Methods) {
  return Object.fromEntries(
    Object.entries(methods).map(([name, method]) => [
      `/${name}`,
      { post: operation(name, method, 'post'), ...(method.reads ? readingOperations(name, method) : {}) },
    ]),
  );
}

/** The params and results of all methods, by component name. */
export function methodSchemas(methods: Methods): Record<string, JsonSchema> {
  return Object.fromEntries(
    Object.entries(methods).flatMap(([name, method]) => [
      [`${pascalCase(name)}Params`, wireSchema(method.params)],
      [`${pascalCase(name)}Result`, wireSchema(resultSchemaOf(method))],
    ]),
  );
}

type Verb = 'post' | 'get' | 'head';

function readingOperations(name: string, method: MethodContract) {
  return { get: operation(name, method, 'get'), head: operation(name, method, 'head') };
}

const VERB_NOTES = {
  post: '',
  get: 'The params are the body of a GET. Many clients and proxies cannot send one: then use POST.',
  head: 'As GET, without the body of the answer.',
} as const satisfies Record<Verb, string>;

function operation(name: string, method: MethodContract, verb: Verb) {
  const words = [method.description, VERB_NOTES[verb]].filter(Boolean).join('\n\n');
  const schema = { $ref: `#/components/schemas/${pascalCase(name)}Params` };
  return {
    operationId: verb === 'post' ? name : `${name}By${pascalCase(verb)}`,
    tags: ['methods'],
    summary: method.summary,
    ...(words ? { description: words } : {}),
    parameters: METADATA_PARAMETER_REFS,
    requestBody: {
      // A missing body counts as an empty object.
      required: ((wireSchema(method.params).required ?? []) as string[]).length > 0,
      content: { 'application/json': { schema, example: method.example.params } },
    },
    responses: responses(name, method, verb),
    security: SERVICE_TOKEN_REQUIRED,
    'x-callers': callersOf(method),
    'x-timeout-ms': method.timeoutMs,
  };
}

function responses(name: string, method: MethodContract, verb: Verb) {
  const refusals = refusalsOfMethod(method);
  const own = new Set(refusals.filter((refusal) => !REFUSALS.includes(refusal)).map(({ status }) => String(status)));
  const schema = { $ref: `#/components/schemas/${pascalCase(name)}Result` };
  const content = { 'application/json': { schema, example: method.example.result } };
  const suffix = verb === 'head' ? 'Head' : '';
  const refused = Object.entries(refusalResponses(refusals, (those) => oneOf(those, name)));
  return Object.fromEntries([
    ['200', withBody(verb, { description: 'The result.', headers: headersOfAnswer(), content })],
    ...refused.map(([status, response]) => [
      status,
      own.has(status) ? withBody(verb, response) : { $ref: `#/components/responses/Refusal${status}${suffix}` },
    ]),
  ]);
}

function withBody<T extends { readonly content: unknown }>(verb: Verb, { content, ...answer }: T) {
  return verb === 'head' ? answer : { ...answer, content };
}
