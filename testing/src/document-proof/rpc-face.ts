import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CODES, stringifyJson } from 'rpc-kit';
import { breaksOfParams } from './breaks.ts';
import type { FetchedDocument } from './documents.ts';
import type { Answer, Exchange } from './exchange.ts';
import { judge, type Operation } from './openapi-judge.ts';
import { paramsOf } from './plain-face.ts';
import type { Schema } from './values.ts';

export interface RpcMethod {
  readonly name: string;
  readonly paramStructure: string;
  readonly params: readonly { readonly name: string; readonly required: boolean; readonly schema: Schema }[];
  readonly result: { readonly schema: Schema };
  readonly errors: readonly { readonly code: number; readonly data: { code: string; reasons?: string[] } }[];
  readonly examples: readonly { readonly params: readonly { name: string; value: unknown }[] }[];
  readonly 'x-errors': readonly { readonly reason: string; readonly details?: Schema }[];
}

export interface RpcProof {
  readonly openRpc: FetchedDocument;
  readonly openApi: FetchedDocument;
  /** `POST /rpc`, as OpenAPI describes it. */
  readonly operation: Operation;
  readonly exchange: Exchange;
  readonly seed: number;
}

type Params = Record<string, unknown>;
const VALID_RUNS = 40;

/** The list of params of a method as one schema. */
function paramsSchema({ params }: RpcMethod): Schema {
  return {
    type: 'object',
    properties: Object.fromEntries(params.map(({ name, schema }) => [name, schema])),
    required: params.filter(({ required }) => required).map(({ name }) => name),
    additionalProperties: false,
  };
}

function exampleOf({ examples }: RpcMethod): Params {
  return Object.fromEntries((examples[0]?.params ?? []).map(({ name, value }) => [name, value]));
}

/** The same params by position, up to the first missing one. */
function byPosition({ params }: RpcMethod, given: Params): unknown[] {
  const gap = params.findIndex(({ name }) => !(name in given));
  return params.slice(0, gap < 0 ? params.length : gap).map(({ name }) => given[name]);
}

/** Calls by name and, where the document offers it, by position, and judges each answer. */
export async function callValid(method: RpcMethod, proof: RpcProof): Promise<void> {
  const body = { schema: paramsSchema(method), example: exampleOf(method) };
  const send = async (params: Params): Promise<void> => {
    judgeCall(method, proof, await call(method.name, params, proof));
    if (method.paramStructure === 'by-name') return;
    judgeCall(method, proof, await call(method.name, byPosition(method, params), proof));
  };
  const property = fc.asyncProperty(paramsOf(body, proof.openRpc), send);
  await fc.assert(property, { seed: proof.seed, numRuns: VALID_RUNS, examples: [[body.example]] });
}

/** Breaks each single rule of the params, by name and by position; each call is refused as invalid params. */
export async function callBroken(method: RpcMethod, proof: RpcProof): Promise<void> {
  const example = exampleOf(method);
  // Params that are neither an object nor an array make the request invalid.
  const isStructure = (value: unknown): boolean => typeof value === 'object' && value !== null;
  const byName = breaksOfParams(paramsSchema(method), example, proof.openRpc.resolve).filter(({ value }) =>
    isStructure(value),
  );
  const list = byPosition(method, example);
  const lists =
    method.paramStructure === 'by-name'
      ? [{ what: 'params by position', value: [1] }]
      : [{ what: 'a param too many', value: [...list, ...Array(method.params.length).fill(1)] }];
  for (const { what, value } of [...byName.filter(({ value }) => !isRaw(value)), ...lists]) {
    const error = judgeCall(method, proof, await call(method.name, value, proof));
    assert.equal(error?.data.code, 'invalid_params', `${what} is taken`);
  }
}

/** Calls with an expired deadline: deadline_exceeded, as documented. */
export async function callLate(method: RpcMethod, proof: RpcProof): Promise<void> {
  const error = judgeCall(method, proof, await call(method.name, exampleOf(method), proof, { deadlineMs: 0 }));
  assert.equal(error?.data.code, 'deadline_exceeded', method.name);
}

/** A number that keeps its spelling is an object. */
function isRaw(value: unknown): boolean {
  return /^[-\d"]/.test(stringifyJson(value));
}

interface RpcError {
  readonly code: number;
  readonly data: { readonly code: keyof typeof CODES; readonly reason?: string; readonly details?: unknown };
}

async function call(
  method: string,
  params: unknown,
  { exchange, operation }: RpcProof,
  meta?: object,
): Promise<Answer> {
  const body = stringifyJson({ jsonrpc: '2.0', id: 1, method, params, meta });
  return exchange.send({ verb: operation.verb, path: operation.path, body });
}

/** Fails unless the answer is as both documents say. */
function judgeCall(method: RpcMethod, proof: RpcProof, answer: Answer): RpcError | undefined {
  judge(proof.openApi, proof.operation, proof.operation, answer);
  assert.equal(answer.status, 200);
  const { id, result, error } = JSON.parse(answer.text) as { id: unknown; result?: unknown; error?: RpcError };
  assert.equal(id, 1);
  if (error === undefined) {
    const complaint = proof.openRpc.complaint(method.result.schema, result);
    assert.equal(complaint, undefined, `the result is not as in the document: ${complaint}: ${answer.text}`);
    return undefined;
  }
  const { code, reason, details } = error.data;
  const listed = method.errors.find((one) => one.code === error.code);
  assert.ok(listed, `the error is not in the document: ${answer.text}`);
  assert.deepEqual([CODES[code].jsonRpc, listed.data.code], [error.code, code]);
  assert.ok(
    reason === undefined || listed.data.reasons?.includes(reason),
    `the reason is not in the document: ${reason}`,
  );
  const declared = method['x-errors'].find((one) => one.reason === reason);
  if (!declared?.details) return error;
  assert.equal(proof.openRpc.complaint(declared.details, details), undefined, answer.text);
  return error;
}

/** Bodies that are no call, with the status and the JSON-RPC code of the answer. */
const NO_CALLS: readonly { body: string; status: number; code: number }[] = [
  { body: '', status: 400, code: -32700 },
  { body: '{"jsonrpc":"2.0"', status: 400, code: -32700 },
  { body: `${'['.repeat(33)}${']'.repeat(33)}`, status: 400, code: -32600 },
  { body: '[]', status: 200, code: -32600 },
  { body: '1', status: 200, code: -32600 },
  { body: 'null', status: 200, code: -32600 },
  { body: '"call"', status: 200, code: -32600 },
  { body: '{}', status: 200, code: -32600 },
  { body: '{"jsonrpc":"1.0","id":1,"method":"rpc.discover"}', status: 200, code: -32600 },
  { body: '{"jsonrpc":"2.0","id":1,"method":7}', status: 200, code: -32600 },
  { body: '{"jsonrpc":"2.0","id":{},"method":"rpc.discover"}', status: 200, code: -32600 },
  { body: '{"jsonrpc":"2.0","id":1,"method":"rpc.discover","params":7}', status: 200, code: -32600 },
  { body: '{"jsonrpc":"2.0","id":1,"method":"rpc.discover","meta":7}', status: 200, code: -32600 },
  { body: '{"jsonrpc":"2.0","id":1,"method":"no.such.method"}', status: 200, code: -32601 },
  { body: `[${Array(51).fill('{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}')}]`, status: 200, code: -32600 },
];

export async function sendNoCalls({ openApi, operation, exchange }: RpcProof): Promise<void> {
  for (const { body, status, code } of NO_CALLS) {
    const answer = await exchange.send({ verb: operation.verb, path: operation.path, body });
    assert.equal(answer.status, status, body.slice(0, 100));
    judge(openApi, operation, operation, answer);
    assert.equal(JSON.parse(answer.text).error.code, code, body.slice(0, 100));
  }
}

/** Batches and notifications of the examples: one answer per call with an id, and 204 without any. */
export async function sendBatches(methods: readonly RpcMethod[], { openApi, operation, exchange }: RpcProof) {
  const calls = methods.map((method) => ({ jsonrpc: '2.0', method: method.name, params: exampleOf(method) }));
  const batch = [...calls.map((one, id) => ({ ...one, id })), ...calls];
  const answer = await exchange.send({ verb: operation.verb, path: operation.path, body: stringifyJson(batch) });
  judge(openApi, operation, operation, answer);
  const ids = (JSON.parse(answer.text) as { id: number }[]).map(({ id }) => id);
  assert.deepEqual(
    ids.toSorted((a, b) => Number(a) - Number(b)),
    [...calls.keys()],
  );
  const silent = await exchange.send({ verb: operation.verb, path: operation.path, body: stringifyJson(calls) });
  assert.equal(silent.status, 204);
  judge(openApi, operation, operation, silent);
}
