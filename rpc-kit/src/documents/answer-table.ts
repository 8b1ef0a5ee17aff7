import { OVERLOADED, SEND_ALONE } from '../calling/failure.ts';
import { CODES, type Code } from '../code.ts';
import type { MethodContract } from '../contract.ts';
import { HTTP_LIMITS } from '../http/server/limits.ts';
import { MUTUAL_TLS_REQUIRED } from '../http/tls.ts';
import { invalidParamsDetails } from '../schema/validation.ts';
import { type JsonSchema, wireSchema } from './wire-schema.ts';

/**
 * Every refusal that a service can answer, besides the errors that its methods declare. OpenAPI, OpenRPC and contracts.md are made
 * from this table, and the tests of each service fail on an answer that is missing here.
 */
export interface Refusal {
  readonly status: number;
  readonly code: Code;
  readonly reason?: string;
  readonly details?: JsonSchema;
  /** One sentence: when the service answers it. */
  readonly when: string;
  /**
   * What it refuses: bytes that are no request, a request, a request whose body is read, a call, or on `/rpc` alone a read of a batch or
   * a stream.
   */
  readonly to: 'no request' | 'every request' | 'every body' | 'every call' | 'batched reads' | 'streams on /rpc';
  /** Whether it is also the error of a single call on `/rpc`. Refusals of `every call` always are. */
  readonly ofCalls?: boolean;
}

const kibibytes = (bytes: number): string => `${bytes / 1024} KiB`;
const seconds = (ms: number): string => `${ms / 1000} s`;

export const REFUSALS: readonly Refusal[] = [
  refusal('no request', 'invalid_request', 'The request is not well-formed HTTP/1.1.'),
  refusal(
    'no request',
    'invalid_request',
    `The headers did not arrive within ${seconds(HTTP_LIMITS.headersTimeoutMs)}, or the whole request within ${seconds(HTTP_LIMITS.requestTimeoutMs)}.`,
    { status: 408 },
  ),
  refusal(
    'no request',
    'invalid_request',
    `The address and the headers are larger than ${kibibytes(HTTP_LIMITS.headerBytesMax)}.`,
    { status: 431 },
  ),
  refusal('no request', 'unavailable', 'The server read the request too late; nothing has happened.', {
    reason: OVERLOADED,
  }),
  refusal('no request', 'invalid_request', 'The service takes https only (mutual TLS), and this is plain HTTP.', {
    reason: MUTUAL_TLS_REQUIRED,
  }),
  refusal(
    'every request',
    'unauthenticated',
    'The service has mutual TLS, and the client certificate is missing or not accepted; `/healthz`, `/readyz` and `/metrics` need none.',
    { reason: MUTUAL_TLS_REQUIRED },
  ),
  refusal('every request', 'invalid_request', 'The request has no Host header, or two.'),
  refusal(
    'every request',
    'permission_denied',
    'A web page sent the request, and the service does not allow its origin.',
  ),
  refusal('every request', 'invalid_request', 'The address takes other verbs; `Allow` lists them.', { status: 405 }),
  refusal('every request', 'invalid_request', 'The `Expect` header is something other than 100-continue.', {
    status: 417,
  }),
  refusal('every request', 'invalid_request', 'The Host is not this service, nor a name that it allows.', {
    status: 421,
  }),
  refusal('every request', 'internal', 'Something failed inside; the log has it under the request id.', {
    ofCalls: true,
  }),
  refusal('every body', 'parse_error', 'The body is not JSON in UTF-8.'),
  refusal(
    'every body',
    'invalid_request',
    `A header of the call has the wrong form or comes twice, or the body nests deeper than ${HTTP_LIMITS.nestingDepthMax} or has too many values or long numbers.`,
    { ofCalls: true },
  ),
  refusal('every body', 'invalid_request', `The body is larger than ${kibibytes(HTTP_LIMITS.bodyBytesMax)}.`, {
    status: 413,
  }),
  refusal(
    'every body',
    'invalid_request',
    'The body has another content type than JSON or, from a browser, none; or it has a content encoding.',
    {
      status: 415,
    },
  ),
  refusal('every body', 'unimplemented', 'The body has a transfer encoding other than chunked.'),
  refusal('every body', 'unavailable', 'The service has too much to do; nothing has happened.', {
    reason: OVERLOADED,
    ofCalls: true,
  }),
  refusal('every call', 'invalid_params', 'A param is missing, unknown or outside its type.', {
    details: wireSchema(invalidParamsDetails),
  }),
  refusal('every call', 'unauthenticated', 'The call has no valid service token, and `ACCESS` is enforce.'),
  refusal('every call', 'permission_denied', 'The method names its callers, and the calling service is none of them.'),
  refusal('every call', 'aborted', 'The call lost a race with other calls too often.'),
  refusal('every call', 'resource_exhausted', 'There are too many calls.'),
  refusal('every call', 'cancelled', 'The caller went away; only a proxy reads this answer.'),
  refusal('every call', 'unavailable', 'The service, or one that it needs, cannot answer right now.'),
  refusal('every call', 'deadline_exceeded', 'The call took longer than its timeout, or than `x-deadline-ms` allows.'),
  refusal(
    'batched reads',
    'unavailable',
    'The answer does not fit beside the others of the batch; the same call alone has room.',
    { reason: SEND_ALONE, ofCalls: true },
  ),
  refusal(
    'streams on /rpc',
    'unimplemented',
    "The method answers with a stream, which JSON-RPC cannot carry: it is at the method's own address.",
    { ofCalls: true },
  ),
];

/** Whether it is a whole answer over HTTP: errors of single calls on `/rpc` have no status. */
export function hasStatus({ to }: Refusal): boolean {
  return to !== 'batched reads' && to !== 'streams on /rpc';
}

function refusal(
  to: Refusal['to'],
  code: Code,
  when: string,
  { status = CODES[code].http, ...facts }: Partial<Pick<Refusal, 'status' | 'reason' | 'details' | 'ofCalls'>> = {},
): Refusal {
  return { to, code, status, when, ...facts };
}

/** All refusals at a method's own address: first those that it declares, then those of every call. */
export function refusalsOfMethod(method: MethodContract): readonly Refusal[] {
  const declared = documentedErrors(method).map(({ reason, code, httpStatus, details, message }) => ({
    status: httpStatus,
    code: code as Code,
    reason,
    ...(details ? { details } : {}),
    when: message,
    to: 'every call' as const,
  }));
  const bare = Object.entries(method.codes ?? {}).map(([code, when]) => refusal('every call', code as Code, when));
  return [...declared, ...bare, ...REFUSALS.filter(hasStatus)];
}

/** A declared reason, in the form of documents. */
export interface DocumentedError {
  readonly reason: string;
  readonly code: string;
  readonly httpStatus: number;
  readonly jsonRpcCode: number;
  readonly message: string;
  readonly details?: JsonSchema | undefined;
}

export function documentedErrors(method: MethodContract): DocumentedError[] {
  return Object.entries(method.errors ?? {}).map(([reason, error]) => ({
    reason,
    code: error.code,
    httpStatus: CODES[error.code].http,
    jsonRpcCode: CODES[error.code].jsonRpc,
    message: error.message,
    details: error.details && wireSchema(error.details),
  }));
}
