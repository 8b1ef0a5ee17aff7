/**
 * The closed table of error codes. Nothing else ever crosses the wire as a code.
 *
 * The names are gRPC's (https://grpc.github.io/grpc/core/md_doc_statuscodes.html) plus the five of JSON-RPC 2.0, section 5.1.
 * Where JSON-RPC has no number of its own, the number is −32000 minus gRPC's, inside the range that the
 * specification leaves to servers (−32000 to −32099).
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
 * What a caller may do after the code:
 * - `never`: the same call would fail the same way.
 * - `when-safe`: reads, and writes with an idempotency key. The call may have taken effect.
 * - `after-pause`: wait for Retry-After. Only with the reason `overloaded` is it certain that the call had no effect.
 * - `from-the-start`: it lost a race; read again, decide again, then call again.
 */
export type RetryAdvice = 'never' | 'when-safe' | 'after-pause' | 'from-the-start';

interface CodeFacts {
  readonly jsonRpc: number;
  readonly http: number;
  readonly retry: RetryAdvice;
}

export type Code = keyof typeof CODES;

const codesByNumber = new Map<number, Code>(
  Object.entries(CODES).map(([code, facts]) => [facts.jsonRpc, code as Code] as const),
);

/** The code behind a JSON-RPC error number, `undefined` for a number that is not in the table. */
export function codeOfJsonRpcNumber(number: number): Code | undefined {
  return codesByNumber.get(number);
}

/** Whether the text is one of the codes. */
export function isCode(text: unknown): text is Code {
  return typeof text === 'string' && Object.hasOwn(CODES, text);
}

/**
 * The code that fits an HTTP status best, for peers that send no code of ours.
 * 502 and 503 come from proxies in between, which know only that nobody answered.
 */
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
