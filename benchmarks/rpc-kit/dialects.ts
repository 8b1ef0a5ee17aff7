import type { MethodName } from './work.ts';

/** The form of a call and its answer on the wire. */
export type Dialect = 'plain' | 'json-rpc' | 'trpc' | 'connect' | 'grpc';

export interface HttpRequest {
  readonly path: string;
  readonly body: string;
}

/** @param batch how many calls the request has; JSON-RPC only */
export function toHttpRequest(dialect: Dialect, method: MethodName, params: unknown, batch?: number): HttpRequest {
  switch (dialect) {
    case 'json-rpc': {
      const call = (id: number) => ({ jsonrpc: '2.0', id, method, params });
      const calls = batch === undefined ? call(1) : Array.from({ length: batch }, (_, index) => call(index + 1));
      return { path: '/rpc', body: JSON.stringify(calls) };
    }
    case 'connect':
      return { path: `/bench.Loms/${toRpcName(method)}`, body: JSON.stringify(params) };
    case 'plain':
    case 'trpc':
      return { path: `/${method}`, body: JSON.stringify(params) };
    case 'grpc':
      throw new TypeError('gRPC has no JSON form');
  }
}

/**
 * The results in an answer, several of a batch; `undefined` for each that is missing. Protobuf's JSON has 64-bit integers as text;
 * here they become numbers.
 */
export function resultsOf(dialect: Dialect, body: string): unknown[] {
  switch (dialect) {
    case 'json-rpc':
      return [JSON.parse(body)].flat().map(({ result }) => result);
    case 'trpc':
      return [JSON.parse(body).result?.data];
    case 'connect':
      return [JSON.parse(body, (_key, value) => (/^\d+$/.test(value) ? Number(value) : value))];
    default:
      return [JSON.parse(body)];
  }
}

export function toRpcName(method: MethodName): string {
  return method.charAt(0).toUpperCase() + method.slice(1);
}
