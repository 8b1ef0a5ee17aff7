import type { Answer, Connection } from '../harness/connection.ts';

export interface RawRequest {
  readonly verb: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** The bytes of a request, prepared once. */
export function toBytes({ verb, path, headers = {}, body }: RawRequest): Buffer {
  const text = body === undefined ? '' : JSON.stringify(body);
  const fields = {
    host: 'localhost',
    connection: 'keep-alive',
    'user-agent': 'benchmark/1.0.0',
    ...headers,
    ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
  return Buffer.from(`${[`${verb} ${path} HTTP/1.1`, ...lines].join('\r\n')}\r\n\r\n${text}`);
}

/** A call by JSON-RPC, as rpc-kit sends a single one. */
export function toCall(method: string, params: unknown, authorization: string): Buffer {
  return toBytes({
    verb: 'POST',
    path: '/rpc',
    headers: { authorization, 'x-deadline-ms': '2000' },
    body: { jsonrpc: '2.0', id: 1, method, params },
  });
}

/** For each connection a lane that sends the request again and again; `expected` is a part of the right answer. */
export function lanesOf(
  connections: readonly Connection[],
  request: () => Buffer,
  expected: { readonly status: number; readonly text: string },
): (() => Promise<boolean>)[] {
  const isRight = ({ status, body }: Answer) => status === expected.status && body.includes(expected.text);
  return connections.map((connection) => async () => isRight(await connection.exchange(request())));
}
