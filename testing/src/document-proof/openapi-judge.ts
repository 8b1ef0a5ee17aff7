import assert from 'node:assert/strict';
import type { FetchedDocument } from './documents.ts';
import type { Answer, Request } from './exchange.ts';
import type { Schema } from './values.ts';

export interface Operation {
  readonly verb: string;
  readonly path: string;
  readonly tags: readonly string[];
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  /** The schema of the request's body and its example, where it has one. */
  readonly body: { readonly schema: Schema; readonly example: unknown } | undefined;
  readonly responses: Readonly<Record<string, Response>>;
}

interface Response {
  readonly headers?: Readonly<Record<string, Header>>;
  readonly content?: Readonly<
    Record<
      string,
      {
        readonly schema: Schema;
        /** Of each item of a stream. */
        readonly 'x-item-schema'?: Schema;
        readonly example?: unknown;
        readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
      }
    >
  >;
}

interface Header {
  readonly required?: boolean;
  readonly schema: Schema;
}

/** Headers of HTTP itself, or for browsers only as those of CORS; all others have to be in the document. */
const HEADERS_OF_HTTP = new Set([
  ...['date', 'connection', 'keep-alive', 'content-length', 'content-type', 'transfer-encoding'],
  ...['x-content-type-options', 'content-security-policy', 'cross-origin-resource-policy', 'vary'],
  ...['cross-origin-opener-policy', 'origin-agent-cluster', 'referrer-policy', 'strict-transport-security'],
  ...['x-dns-prefetch-control', 'x-download-options', 'x-frame-options', 'x-permitted-cross-domain-policies'],
  ...['x-xss-protection'],
]);

type Json = Readonly<Record<string, unknown>>;

/** Every operation of the OpenAPI document, with its references followed. */
export function operationsOf(document: FetchedDocument): Operation[] {
  const followed = <T>(part: unknown): T => {
    const { $ref } = part as { $ref?: string };
    return ($ref === undefined ? part : document.resolve($ref)) as T;
  };
  const paths = Object.entries(document.value.paths as Record<string, Record<string, Json>>);
  return paths.flatMap(([path, item]) =>
    Object.entries(item).map(([verb, operation]) => {
      const content = (operation.requestBody as { content?: Record<string, Json> } | undefined)?.content;
      const body = content?.['application/json'];
      const responses = Object.entries(operation.responses as Record<string, unknown>).map(([status, response]) => {
        const { headers = {}, ...rest } = followed<{ headers?: Record<string, unknown> }>(response);
        const named = Object.entries(headers).map(([name, header]) => [name, followed<Header>(header)]);
        return [status, { ...rest, headers: Object.fromEntries(named) }];
      });
      return {
        verb: verb.toUpperCase(),
        path,
        tags: operation.tags as string[],
        parameters: ((operation.parameters ?? []) as unknown[]).map((parameter) => followed(parameter)),
        body: body && { schema: body.schema as Schema, example: body.example },
        responses: Object.fromEntries(responses),
      };
    }),
  );
}

/** Fails unless the document allows this answer of the operation: its status, headers and body. */
export function judge(
  document: FetchedDocument,
  { responses }: Operation,
  { verb }: Pick<Request, 'verb'>,
  answer: Answer,
): void {
  const shown = `${answer.status} ${answer.text.slice(0, 500)}`;
  const response = responses[answer.status];
  assert.ok(response, `the status is not in the document: ${shown}`);
  judgeHeaders(document, response, answer, shown);
  const [type = ''] = (answer.headers['content-type'] ?? '').split(';');
  if (verb === 'HEAD' || response.content === undefined) {
    assert.equal(answer.text, '', `a body that is not in the document: ${shown}`);
    return;
  }
  const content = response.content[type];
  assert.ok(content, `the content type "${type}" is not in the document: ${shown}`);
  const value = type.endsWith('json') ? JSON.parse(answer.text) : answer.text;
  const complaint = document.complaint(content.schema, value);
  assert.equal(complaint, undefined, `the body is not as in the document: ${complaint}: ${shown}`);
  const itemSchema = content['x-item-schema'];
  if (itemSchema) judgeItems(document, itemSchema, answer.text);
}

function judgeItems(document: FetchedDocument, schema: Schema, text: string): void {
  for (const event of text.split('\n\n').filter((lines) => !/^event: /m.test(lines))) {
    const item = /^data: (.*)$/m.exec(event)?.[1];
    if (item === undefined) continue;
    const complaint = document.complaint(schema, JSON.parse(item));
    assert.equal(complaint, undefined, `an item is not as in the document: ${complaint}: ${event}`);
  }
}

function judgeHeaders(document: FetchedDocument, { headers = {} }: Response, answer: Answer, shown: string): void {
  for (const [name, header] of Object.entries(headers)) {
    const text = answer.headers[name]?.toString();
    if (text === undefined) {
      assert.ok(!header.required, `the header ${name} is missing: ${shown}`);
      continue;
    }
    const value = header.schema.type === 'integer' ? Number(text) : text;
    const complaint = document.complaint(header.schema, value);
    assert.equal(complaint, undefined, `the header ${name} is not as in the document: ${complaint}: ${shown}`);
  }
  const isKnown = (name: string) => HEADERS_OF_HTTP.has(name) || name.startsWith('access-control-') || name in headers;
  const unknown = Object.keys(answer.headers).filter((name) => !isKnown(name));
  assert.deepEqual(unknown, [], `headers that are not in the document: ${shown}`);
}
