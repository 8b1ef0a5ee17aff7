import { callersOf, type MethodContract, type Methods } from '../contract.ts';
import { EVENT_STREAM } from '../http/event-text.ts';
import { resultSchemaOf, type StreamOf, streamOf } from '../stream.ts';
import { REFUSALS, refusalsOfMethod } from './answer-table.ts';
import { exampleEvent } from './example-event.ts';
import { headersOfAnswer, oneOf, pascalCase, refusalResponses } from './openapi-answers.ts';
import { METADATA_PARAMETER_REFS, SERVICE_TOKEN_REQUIRED } from './openapi-headers.ts';
import { type JsonSchema, wireSchema, withReferences } from './wire-schema.ts';

/** A path for every method; methods that only read also accept GET and, unless they answer with a stream, HEAD. */
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
      [`${pascalCase(name)}Params`, paramsSchema(name, method)],
      [`${pascalCase(name)}Result`, schemaAt(`${pascalCase(name)}Result`, resultSchemaOf(method))],
    ]),
  );
}

function paramsSchema(name: string, { params }: MethodContract): JsonSchema {
  return schemaAt(`${pascalCase(name)}Params`, params);
}

function schemaAt(component: string, schema: MethodContract['params'] | ReturnType<typeof resultSchemaOf>): JsonSchema {
  return withReferences(wireSchema(schema), '#', `#/components/schemas/${component}`);
}

type Verb = 'post' | 'get' | 'head';

function readingOperations(name: string, method: MethodContract) {
  if (streamOf(method)) return { get: operation(name, method, 'get') };
  return { get: operation(name, method, 'get'), head: operation(name, method, 'head') };
}

const VERB_NOTES = {
  post: '',
  get: 'The params are the body of a GET. Many clients and proxies cannot send one: then use POST.',
  head: 'As GET, without the body of the answer.',
} as const satisfies Record<Verb, string>;

function operation(name: string, method: MethodContract, verb: Verb) {
  const stream = streamOf(method);
  const note = stream && verb === 'get' ? 'The params are in the query, or else the body.' : VERB_NOTES[verb];
  const words = [method.description, note].filter(Boolean).join('\n\n');
  const schema = { $ref: `#/components/schemas/${pascalCase(name)}Params` };
  return {
    operationId: verb === 'post' ? name : `${name}By${pascalCase(verb)}`,
    tags: ['methods'],
    summary: method.summary,
    ...(words ? { description: words } : {}),
    parameters: [...METADATA_PARAMETER_REFS, ...(stream ? streamParameters(name, method, stream, verb) : [])],
    requestBody: {
      // A missing body counts as an empty object.
      required: !(stream && verb === 'get') && ((wireSchema(method.params).required ?? []) as string[]).length > 0,
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
  const stream = streamOf(method);
  const content = stream
    ? { [EVENT_STREAM]: { schema: { type: 'string' }, 'x-item-schema': schema, example: exampleEvent(method) } }
    : { 'application/json': { schema, example: method.example.result } };
  const suffix = verb === 'head' ? 'Head' : '';
  const refused = Object.entries(refusalResponses(refusals, (those) => oneOf(those, name)));
  return Object.fromEntries([
    [
      '200',
      withBody(verb, {
        ...(stream ? STREAM_ANSWER : { description: 'The result.', headers: headersOfAnswer() }),
        content,
      }),
    ],
    ...(stream?.resume ? [['204', { description: NOTHING_BEHIND, headers: headersOfAnswer() }]] : []),
    ...refused.map(([status, response]) => [
      status,
      own.has(status) ? withBody(verb, response) : { $ref: `#/components/responses/Refusal${status}${suffix}` },
    ]),
  ]);
}

const STREAM_ANSWER = {
  description:
    'Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): one without a name for each item, then one named `end`, or `error` with the body of a refusal.',
  headers: {
    ...headersOfAnswer(),
    'x-accel-buffering': { description: 'nginx is to send each event at once.', schema: { const: 'no' } },
  },
};
const NOTHING_BEHIND = 'The stream has ended, and nothing is behind `Last-Event-ID`: a browser stops connecting.';

/** How browsers call: by a query, and with the id of the last event that they have. */
function streamParameters(name: string, method: MethodContract, { resume }: StreamOf, verb: Verb) {
  const properties = (paramsSchema(name, method).properties ?? {}) as Record<string, JsonSchema>;
  const query = Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: false, schema }));
  const description = `Takes the place of the param \`${resume}\`.`;
  const header = {
    name: 'Last-Event-ID',
    in: 'header',
    required: false,
    description,
    schema: properties[resume ?? ''],
  };
  return [...(verb === 'get' ? query : []), ...(resume === undefined ? [] : [header])];
}

function withBody<T extends { readonly content: unknown }>(verb: Verb, { content, ...answer }: T) {
  return verb === 'head' ? answer : { ...answer, content };
}
