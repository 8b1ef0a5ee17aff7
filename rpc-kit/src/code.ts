/**
 * The closed table of error codes. No other code crosses the wire.
 *
 * The names are gRPC's (https://grpc.github.io/grpc/core/md_doc_statuscodes.html) plus the five of JSON-RPC 2.0, section 5.1.
 * Codes without a JSON-RPC number have −32000 minus gRPC's, inside the range that the specification reserves for servers
 * (−32000 to −32099).
 */
export const CODES = {
  parse_error: { jsonRpc: -32700, http: 400, retry: 'never' },
  invalid_request: { jsonRpc: -32600, http: 400, retry: 'never' },
  method_not_found: { jsonRpc: -32601, http: 404, retry: 'never' },
  invalid_params: { jsonRpc: -32602, http: 400, retry: 'never' },
  internal: { jsonRpc: -32603, http: 500, retry: 'never' },
  cancelled: { jsonRpc: -32001, http: 499, retry: 'never' },
  deadline_exceeded: { jsonRpc: -32004, http: 504, retry: 'when-safe' },
  not_found: { jsonRpc: -32005, http: 404, retry: 'never' },
  already_exists: { jsonRpc: -32006, http: 409, retry: 'never' },
  permission_denied: { jsonRpc: -32007, http: 403, retry: 'never' },
  resource_exhausted: { jsonRpc: -32008, http: 429, retry: 'after-pause' },
  failed_precondition: { jsonRpc: -32009, http: 412, retry: 'never' },
  aborted: { jsonRpc: -32010, http: 409, retry: 'from-the-start' },
  unimplemented: { jsonRpc: -32012, http: 501, retry: 'never' },
  unavailable: { jsonRpc: -32014, http: 503, retry: 'after-pause' },
  unauthenticated: { jsonRpc: -32016, http: 401, retry: 'never' },
} as const satisfies Record<string, CodeFacts>;

/**
 * Whether a caller may retry after the code:
 * - `never`: the same call would fail the same way.
 * - `when-safe`: reads, and writes with an idempotency key. The call may have taken effect.
 * - `after-pause`: after Retry-After. Only the reason `overloaded` proves that the call had no effect.
 * - `from-the-start`: the call lost a race; read again, decide again, then call again.
 */
export type RetryAdvice = 'never' | 'when-safe' | 'after-pause' | 'from-the-start';

interface CodeFacts {
  readonly jsonRpc: number;
  readonly http: number;
  readonly retry: RetryAdvice;
}

/** A code of the closed table `CODES`: every failed call has one. */
export type Code = keyof typeof CODES;

const codesByNumber = new Map<number, Code>(
  Object.entries(CODES).map(([code, facts]) => [facts.jsonRpc, code as Code] as const),
);

/** The code of a JSON-RPC error number; `undefined` for a number outside the table. */
export function codeOfJsonRpcNumber(number: number): Code | undefined {
  return codesByNumber.get(number);
}

/** Whether the text is one of the codes. */
export function isCode(text: unknown): text is Code {
  return typeof text === 'string' && Object.hasOwn(CODES, text);
}

/** The closest code for an HTTP status, for answers without a code, e.g. from a proxy. */
export function codeOfHttpStatus(status: number): Code {
  switch (status) {
    case 400:
    case 405:
    case 413:
    case 415:
    case 421:
      return 'invalid_request';
    case 401:
      return 'unauthenticated';
    case 403:
      return 'permission_denied';
    case 404:
      return 'not_found';
    case 409:
      return 'aborted';
    case 412:
      return 'failed_precondition';
    case 429:
      return 'resource_exhausted';
    case 499:
      return 'cancelled';
    case 501:
      return 'unimplemented';
    case 502:
    case 503:
      return 'unavailable';
    case 504:
      return 'deadline_exceeded';
    default:
      return 'internal';
  }
}
