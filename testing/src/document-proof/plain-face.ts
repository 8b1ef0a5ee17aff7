import assert from 'node:assert/strict';
import fc, { type Arbitrary } from 'fast-check';
import { stringifyJson } from 'rpc-kit';
import { breaksOfParams } from './breaks.ts';
import type { FetchedDocument } from './documents.ts';
import type { Answer, Exchange, Request } from './exchange.ts';
import { judge, type Operation } from './openapi-judge.ts';
import { valuesOf } from './values.ts';

interface Proof {
  readonly document: FetchedDocument;
  readonly exchange: Exchange;
  readonly seed: number;
}

const VALID_RUNS = 40;
const BREAKS_MAX = 400;

/** Params that the schema allows: the example's, random ones, and mixtures, which find more existing rows. */
export function paramsOf({ schema, example }: NonNullable<Operation['body']>, document: FetchedDocument) {
  const madeUp = valuesOf(schema, document.resolve) as Arbitrary<Record<string, unknown>>;
  const known = example as Record<string, unknown>;
  const names = Object.keys(known);
  const mixed = fc
    .tuple(madeUp, fc.subarray(names))
    .map(([params, kept]) => ({ ...params, ...Object.fromEntries(kept.map((name) => [name, known[name]])) }));
  return fc.oneof(madeUp, mixed);
}

/** Header lines that the parameters allow, mostly none. The params in a query are those of the body. */
function headersOf({ parameters }: Operation, document: FetchedDocument): Arbitrary<Record<string, string>> {
  // A header field is ASCII, without blanks at its ends.
  const isField = (text: string): boolean => /^[\x21-\x7e]*$/.test(text);
  const ofHeaders = parameters.filter((parameter) => parameter.in === 'header');
  const values = ofHeaders.map(({ name, schema }) => {
    const toText = (value: unknown): string => (typeof value === 'string' ? value : stringifyJson(value));
    return [name, valuesOf(schema, document.resolve).map(toText).filter(isField)] as const;
  });
  return fc.record(Object.fromEntries(values), { requiredKeys: [], noNullPrototype: true }) as Arbitrary<
    Record<string, string>
  >;
}

/** Sends the example of the document, if it has one, and judges the answer. */
export async function sendExample({ verb, path, body, ...operation }: Operation, { document, exchange }: Proof) {
  const request = { verb, path, ...(body ? { body: stringifyJson(body.example) } : {}) };
  const answer = await exchange.send(request);
  judge(document, { verb, path, body, ...operation }, request, answer);
  return answer;
}

/** Sends requests that the document allows, and judges each answer. */
export async function sendValid(operation: Operation, { document, exchange, seed }: Proof): Promise<Answer[]> {
  const answers: Answer[] = [];
  const { verb, path, body } = operation;
  const send = async (params: unknown, given: Record<string, string>): Promise<void> => {
    // Different keys in a header and in a param contradict each other, which no schema can express.
    const { 'idempotency-key': key, ...others } = given;
    const headers = key === undefined || hasOwnKey(params) ? others : given;
    const request = { verb, path, headers, ...(body ? { body: stringifyJson(params) } : {}) };
    const answer = await exchange.send(request);
    answers.push(answer);
    judge(document, operation, request, answer);
  };
  const params = body ? paramsOf(body, document) : fc.constant(undefined);
  const headers = fc.oneof(
    { weight: 3, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: headersOf(operation, document) },
  );
  const property = fc.asyncProperty(params, headers, send);
  await fc.assert(property, { seed, numRuns: body ? VALID_RUNS : 1 });
  return answers;
}

function hasOwnKey(params: unknown): boolean {
  return typeof params === 'object' && params !== null && 'idempotencyKey' in params;
}

/** Breaks each single rule of the params' schema. Each request is refused with `invalid_params`, as documented. */
export async function sendBroken(operation: Operation, { document, exchange }: Proof): Promise<number> {
  const { verb, path, body } = operation;
  assert.ok(body);
  const breaks = breaksOfParams(body.schema, body.example, document.resolve);
  assert.ok(breaks.length < BREAKS_MAX, `${breaks.length} ways to break the params of ${path} take too long`);
  for (const { what, value } of breaks) {
    const request = { verb, path, body: stringifyJson(value) };
    const answer = await exchange.send(request);
    assert.equal(answer.status, 400, `${what} is taken: ${request.body.slice(0, 500)}: ${answer.text}`);
    judge(document, operation, request, answer);
    if (verb !== 'HEAD') assert.equal(JSON.parse(answer.text).error.code, 'invalid_params', what);
  }
  return breaks.length;
}

const KIB = 1024;
/** Larger than the limit, but small enough for the server to read and discard it, so that its answer arrives. */
const TOO_LARGE = 1100 * KIB;

/** Requests that are malformed HTTP or JSON, each with its status at a path that reads bodies. */
const WRONG_BODIES: readonly (Omit<Request, 'verb' | 'path'> & { what: string; status: number })[] = [
  { what: 'half an object', body: '{', status: 400 },
  { what: 'a comma too many', body: '{"a":1,}', status: 400 },
  { what: 'a word', body: 'nothing', status: 400 },
  { what: 'NaN', body: '{"a":NaN}', status: 400 },
  { what: 'two values', body: '{} {}', status: 400 },
  { what: 'bytes that are no UTF-8', body: Buffer.from([0x22, 0xff, 0x22]), status: 400 },
  { what: 'deep nesting', body: '['.repeat(33) + ']'.repeat(33), status: 400 },
  { what: 'a large body', body: `"${'x'.repeat(TOO_LARGE)}"`, status: 413 },
  { what: 'plain text', body: '{}', headers: { 'content-type': 'text/plain' }, status: 415 },
  { what: 'a form', body: 'a=1', headers: { 'content-type': 'application/x-www-form-urlencoded' }, status: 415 },
  { what: 'another charset', body: '{}', headers: { 'content-type': 'application/json; charset=koi8-r' }, status: 415 },
  { what: 'a content encoding', body: '{}', headers: { 'content-encoding': 'gzip' }, status: 415 },
  { what: 'a transfer encoding', headers: { 'transfer-encoding': 'gzip, chunked' }, status: 501 },
  { what: 'a deadline that is no number', body: '{}', headers: { 'x-deadline-ms': 'soon' }, status: 400 },
  { what: 'a deadline with a fraction', body: '{}', headers: { 'x-deadline-ms': '1.5' }, status: 400 },
  { what: 'an empty idempotency key', body: '{}', headers: { 'idempotency-key': '' }, status: 400 },
  { what: 'a long idempotency key', body: '{}', headers: { 'idempotency-key': 'x'.repeat(256) }, status: 400 },
];

/** Requests that are malformed at every path. */
const WRONG_ANYWHERE: readonly (Omit<Request, 'verb' | 'path'> & { what: string; status: number })[] = [
  { what: 'no Host', setHost: false, status: 400 },
  { what: "another service's Host", headers: { host: 'evil.example' }, status: 421 },
  { what: 'a foreign web page', headers: { origin: 'http://evil.example' }, status: 403 },
  { what: 'an unknown expectation', headers: { expect: 'a-miracle' }, status: 417 },
  { what: 'large headers', headers: { 'x-large': 'x'.repeat(17 * KIB) }, status: 431 },
];

const VERBS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];

/** Sends malformed requests, and judges each answer. */
export async function sendMalformed(operation: Operation, { document, exchange }: Proof): Promise<void> {
  const { verb, path, body } = operation;
  for (const { what, status, ...request } of [...WRONG_ANYWHERE, ...(body ? WRONG_BODIES : [])]) {
    const answer = await exchange.send({ verb, path, ...request });
    assert.equal(answer.status, status, `${what}: ${answer.text}`);
    judge(document, operation, { verb }, answer);
  }
}

/** Sends the example with an expired deadline: 504, as documented. */
export async function sendLate(operation: Operation, { document, exchange }: Proof): Promise<void> {
  const { verb, path, body } = operation;
  const headers = { 'x-deadline-ms': '0' };
  const answer = await exchange.send({ verb, path, headers, body: stringifyJson(body?.example) });
  assert.equal(answer.status, 504, answer.text);
  judge(document, operation, { verb }, answer);
}

/** Verbs that the document does not list for a path are refused with 405, and Allow contains exactly the listed ones. */
export async function sendOtherVerbs(operations: readonly Operation[], { document, exchange }: Proof): Promise<void> {
  const [operation] = operations;
  assert.ok(operation);
  const listed = operations.map(({ verb }) => verb).toSorted();
  for (const verb of VERBS.filter((one) => !listed.includes(one))) {
    const answer = await exchange.send({ verb, path: operation.path });
    assert.equal(answer.status, 405, `${verb} ${operation.path}: ${answer.text}`);
    judge(document, operation, { verb }, answer);
    assert.deepEqual(answer.headers.allow?.split(', ').toSorted(), listed);
  }
}
