import { STATUS_CODES } from 'node:http';
import { CODES, type Code, OVERLOADED, RpcError } from 'rpc-kit';
import { HttpRefusal } from 'rpc-kit/http-server';
import { toRestDetails } from './rest-types.ts';

type RestErrorOptions = NonNullable<ConstructorParameters<typeof RpcError>[2]> & {
  readonly headers?: Readonly<Record<string, string>>;
};

/** A refusal by the gateway itself, with its HTTP status. */
export class RestError extends RpcError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: Code, message: string, { headers = {}, ...options }: RestErrorOptions = {}) {
    super(code, message, options);
    this.status = status;
    this.headers = headers;
  }
}

/** A refusal by rpc-kit's HTTP parts, as the gateway's own: the same class of a service's answer is the fault of the gateway. */
export function toOwnRefusal(error: unknown): unknown {
  if (!(error instanceof RpcError)) return error;
  const status = error instanceof HttpRefusal ? error.status : CODES[error.code].http;
  return new RestError(status, error.code, error.message, { cause: error.cause });
}

/** An error as it is answered. */
export interface RestAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly error: {
    readonly code: Code;
    readonly reason?: string | undefined;
    readonly message: string;
    readonly details?: unknown;
    readonly retryAfterMs?: number | undefined;
    readonly requestId: string;
  };
  /** Whether the answer hides the cause, so that it has to be logged. */
  readonly isHidden: boolean;
}

/**
 * Statuses that differ from those of the services' plain face: 412 belongs to If-Match, so a state that forbids a call is 409.
 * https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header asks for 422.
 */
const STATUS_OF_CODE: Partial<Record<Code, number>> = { failed_precondition: 409 };
const STATUS_OF_REASON: Readonly<Record<string, number>> = { idempotency_conflict: 422, version_conflict: 412 };

export function statusOf(code: Code, reason?: string): number {
  return STATUS_OF_REASON[reason ?? ''] ?? STATUS_OF_CODE[code] ?? CODES[code].http;
}

/** The pause before a retry where the service named none: long enough for a circuit breaker to probe again. */
const RETRY_AFTER_MS = 1_000;

/** Without a reason, these say that the gateway and a service disagree; the person behind the request can do nothing about it. */
const FAULTS_OF_GATEWAY: ReadonlySet<Code> = new Set([
  'unauthenticated',
  'permission_denied',
  'method_not_found',
  'invalid_request',
  'parse_error',
  'unimplemented',
  'internal',
]);

/**
 * Any error as an answer. Nothing of the inside leaves: an error that no contract declares becomes `internal` or `unavailable`.
 * @param statuses those of a route that differ, by reason
 */
export function toRestAnswer(
  error: unknown,
  requestId: string,
  statuses: Readonly<Record<string, number>> = {},
): RestAnswer {
  if (error instanceof RestError) return answer(error.status, error, requestId, error.headers);
  if (!(error instanceof RpcError)) return hidden(new RpcError('internal', 'Internal error'), requestId);
  const { code, reason } = error;
  if (reason === undefined && FAULTS_OF_GATEWAY.has(code)) {
    return hidden(new RpcError('internal', 'Internal error'), requestId);
  }
  // A service that has no capacity for the gateway is no fault of the person.
  if (code === 'unavailable' || (code === 'resource_exhausted' && reason === undefined)) {
    const retryAfterMs = error.retryAfterMs ?? RETRY_AFTER_MS;
    const advice = hadNoEffect(error)
      ? 'send the request again after Retry-After'
      : 'the request may have taken effect';
    const message = `A service is not available right now; ${advice}`;
    return hidden(new RpcError('unavailable', message, { retryAfterMs }), requestId);
  }
  if (code === 'deadline_exceeded') {
    return hidden(new RpcError(code, 'The answer took too long; the request may have taken effect'), requestId);
  }
  return answer(statuses[reason ?? ''] ?? statusOf(code, reason), error, requestId);
}

/** A connection that broke, or a service that could not reach another one, may have done its work. */
function hadNoEffect({ neverSent, code, reason }: RpcError): boolean {
  return neverSent || code === 'resource_exhausted' || reason === OVERLOADED;
}

function hidden(error: RpcError, requestId: string): RestAnswer {
  return { ...answer(statusOf(error.code), error, requestId), isHidden: true };
}

function answer(
  status: number,
  error: RpcError,
  requestId: string,
  headers: Readonly<Record<string, string>> = {},
): RestAnswer {
  const { code, reason, message } = error;
  const details = toRestDetails(error.details);
  const retryAfterMs = error.retryAfterMs ?? retryAfterOf(error.details);
  return {
    status,
    headers: {
      // RFC 9110, section 10.2.3: whole seconds.
      ...(retryAfterMs !== undefined && { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) }),
      // RFC 9110, section 15.5.2: every 401 has a challenge.
      ...(status === 401 && { 'www-authenticate': CHALLENGE }),
      ...headers,
    },
    error: { code, reason, message, details, retryAfterMs, requestId },
    isHidden: false,
  };
}

export const CHALLENGE = 'Bearer realm="order-mesh"';

/** accounts counts its pauses in the details. */
function retryAfterOf(details: unknown): number | undefined {
  const { retryAfterMs } = (details ?? {}) as { retryAfterMs?: unknown };
  return typeof retryAfterMs === 'number' ? retryAfterMs : undefined;
}

/** RFC 9457. The type says nothing beyond the status, so it is about:blank; code and reason identify the error. */
export function toProblem({ status, error: { message, ...facts } }: RestAnswer): Record<string, unknown> {
  return { type: 'about:blank', title: STATUS_CODES[status], status, detail: message, ...facts };
}

/** Whether the client prefers application/problem+json to application/json (RFC 9110, section 12.5.1). */
export function prefersProblem(accept = ''): boolean {
  const weights = new Map(accept.toLowerCase().split(',').map(toWeight));
  const problem = weights.get('application/problem+json') ?? 0;
  return problem > 0 && problem >= (weights.get('application/json') ?? 0);
}

function toWeight(range: string): [type: string, weight: number] {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
  const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1';
  return [type, Number(weight) || 0];
}
