import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type MethodContract, parseJson, RpcError, stringifyJson, wireSchema } from 'rpc-kit';
import { DOCUMENT_SEED, type Request, valuesOf } from 'testing';
import { z } from 'zod';
import type { Route } from '../src/route.ts';
import { SERVICES } from '../src/services.ts';

/** A request that is refused, by one of three gateways. */
export interface Refused {
  readonly what: string;
  /** `spent`: no request is left of any limit. `busy`: too many requests are in flight. */
  readonly gateway?: 'spent' | 'busy';
  readonly request: Omit<Partial<Request>, 'headers'> & { readonly headers?: Record<string, string | undefined> };
  /** A call that answers otherwise. */
  readonly replaced?: { readonly method: MethodContract; readonly act: () => unknown };
}

const { get_products } = SERVICES.products.methods;
const { endSessions } = SERVICES.accounts.methods;
const BEARER = { anna: { authorization: 'Bearer anna' }, mallory: { authorization: 'Bearer mallory' } };

/** One request for each refusal of a row. */
export function refusedRequests(row: Route, path: string): Refused[] {
  const { calls, who, params, idempotencyKey, ifMatch, method, errors = {} } = row;
  const [first] = calls as [MethodContract];
  const body = method === 'GET' ? undefined : '{}';
  const replace = (what: string, error: unknown, call = first): Refused => ({
    what,
    request: call === endSessions ? { body: '{"scope":"all"}', headers: BEARER.anna } : {},
    replaced: { method: call, act: () => Promise.reject(error) },
  });
  const when = (applies: unknown, ...those: Refused[]): Refused[] => (applies ? those : []);
  return [
    { what: 'no Host', request: { setHost: false } },
    { what: 'a foreign page', request: { headers: { origin: 'https://evil.example' } } },
    { what: 'an expectation', request: { headers: { expect: 'a-miracle' } } },
    { what: 'a foreign Host', request: { headers: { host: 'evil.example' } } },
    { what: 'large headers', request: { headers: { 'x-large': 'x'.repeat(17 * 1_024) } } },
    { what: 'no token of a limit', gateway: 'spent', request: {} },
    { what: 'too many requests', gateway: 'busy', request: {} },
    { what: 'an unknown query', request: { path: `${path}?unknown=1` } },
    replace('a mistake', new Error('a mistake')),
    replace('a service is unavailable', new RpcError('unavailable', 'away')),
    replace('a late answer', new RpcError('deadline_exceeded', 'late')),
    replace('a lost race', new RpcError('aborted', 'lost')),
    ...when(who !== 'anyone', { what: 'a bad token', request: { headers: BEARER.mallory } }),
    ...when(calls.includes(endSessions), { what: 'no access token', request: { body: '{"scope":"all"}' } }),
    ...when(who === 'admin', { what: 'no admin', request: { headers: BEARER.anna } }),
    ...when(params, { what: 'a long param', request: { path: path.replace(/[^/]*\d[^/]*/, 'x'.repeat(200)) } }),
    ...when(idempotencyKey === 'required', { what: 'no key', request: { headers: { 'idempotency-key': undefined } } }),
    ...when(
      ifMatch,
      { what: 'no tag', request: { headers: { 'if-match': undefined } } },
      { what: 'a weak tag', request: { headers: { 'if-match': 'W/"1"' } } },
    ),
    ...when(
      body,
      { what: 'no JSON', request: { body: '{' } },
      { what: 'a large body', request: { body: `"${'x'.repeat(70_000)}"` } },
      { what: 'text', request: { body: '{}', headers: { 'content-type': 'text/plain' } } },
      {
        what: 'a transfer encoding',
        request: { body: '', headers: { 'content-type': 'application/json', 'transfer-encoding': 'gzip, chunked' } },
      },
    ),
    ...calls.flatMap((call) =>
      Object.entries(call.errors ?? {}).map(([reason, declared]) => replace(reason, failure(reason, declared), call)),
    ),
    ...Object.keys(errors).map((reason) => ({
      what: reason,
      request: {},
      replaced: { method: get_products, act: () => ({ products: [] }) },
    })),
  ];
}

/** The declared error, with details that its schema allows. */
function failure(
  reason: string,
  { code, message, details: schema }: NonNullable<MethodContract['errors']>[string],
): RpcError {
  if (!schema) return new RpcError(code, message, { reason });
  const noRefs = (ref: string): never => assert.fail(`details refer to ${ref}`);
  const made = valuesOf(parseJson(stringifyJson(wireSchema(schema))) as never, noRefs);
  const [details] = fc.sample(made, { seed: DOCUMENT_SEED, numRuns: 1 });
  return new RpcError(code, message, { reason, details: z.decode(schema, parseJson(stringifyJson(details))) });
}
