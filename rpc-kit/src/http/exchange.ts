import { type Dispatcher, errors, Pool } from 'undici';
import { abortReason, onAbort } from '../deadline.ts';
import { parseJson } from '../json.ts';
import { parseRetryAfter } from '../retry-after.ts';
import { RpcError } from '../rpc-error.ts';

/** A request to one peer and its answer, with everything that can go wrong on the way as an RpcError. */
export interface Exchange extends AsyncDisposable {
  post(request: ExchangeRequest): Promise<Reply>;
}

export interface ExchangeRequest {
  /** What the peer is called in messages: they reach callers, who must not learn hosts. */
  readonly peer: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly signal: AbortSignal;
}

export interface Reply {
  readonly status: number;
  /** The answer's JSON value; `undefined` for an error status whose body is none, e.g. a proxy's page. */
  readonly value: unknown;
  /** What the header Retry-After asks for, in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

export interface ExchangeOptions {
  readonly connections: number;
  readonly answerBytesMax: number;
}

/** A peer on the same network answers a connect in milliseconds or not at all. */
const CONNECT_TIMEOUT_MS = 2_000;
/** Below the server's keep-alive of 10 s, so that no request is sent into a connection that the server is closing. */
const KEEP_ALIVE_MS = 4_000;
/** The calls' deadlines bound both waits; these only catch a deadline that is missing. */
const ANSWER_TIMEOUT_MS = 60_000;

/** Failures before the request can have reached the peer: nothing happened there. */
const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

export function createExchange(origin: string, { connections, answerBytesMax }: ExchangeOptions): Exchange {
  const pool = new Pool(origin, {
    connections,
    pipelining: 1,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    headersTimeout: ANSWER_TIMEOUT_MS,
    bodyTimeout: ANSWER_TIMEOUT_MS,
    maxResponseSize: answerBytesMax,
  });

  return {
    async post(request) {
      try {
        const { status, headers, body } = await dispatch(pool, request);
        return {
          status,
          value: parseAnswer(utf8.decode(body), status),
          retryAfterMs: parseRetryAfter({
            retryAfter: headers['retry-after']?.toString(),
            date: headers.date?.toString(),
          }),
        };
      } catch (error) {
        throw toRpcFailure(error, request.peer, request.signal);
      }
    },
    async [Symbol.asyncDispose]() {
      await pool.destroy();
    },
  };
}

const utf8 = new TextDecoder();

interface RawAnswer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
}

/**
 * One request on the pool. This is undici's lowest call: `request()` makes a stream of every body and a promise of every
 * part, which costs as much again as the request itself.
 */
function dispatch(pool: Pool, { path, headers, body, signal }: ExchangeRequest): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let answer = { status: 0, headers: {} as RawAnswer['headers'] };
    let controller: Dispatcher.DispatchController | undefined;
    // A request that still waits for a connection has no controller yet; it is ended as soon as it has one.
    const abort = (): void => {
      controller?.abort(abortReason(signal));
      reject(abortReason(signal));
    };
    const unfollow = onAbort(signal, abort);
    const settle = (conclude: () => void): void => {
      unfollow();
      conclude();
    };
    pool.dispatch(
      { method: 'POST', path, headers, body },
      {
        onRequestStart(started) {
          controller = started;
          if (signal.aborted) started.abort(abortReason(signal));
        },
        onResponseStart(_controller, status, received) {
          answer = { status, headers: received };
        },
        onResponseData(_controller, chunk) {
          chunks.push(chunk);
        },
        onResponseEnd() {
          const whole = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
          settle(() => resolve({ ...answer, body: whole }));
        },
        onResponseError(_controller, error) {
          settle(() => reject(error));
        },
      },
    );
  });
}

function parseAnswer(text: string, status: number): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    // A proxy's error page is no answer of the peer; its status still says something.
    if (status >= 400) return undefined;
    throw new RpcError('internal', 'The peer answered something that is not JSON', { cause: error });
  }
}

function toRpcFailure(error: unknown, peer: string, signal: AbortSignal): RpcError {
  if (error instanceof RpcError) return error;
  if (signal.aborted) return abortReason(signal);
  if (error instanceof errors.ResponseExceededMaxSizeError) {
    return new RpcError('internal', 'The peer answered more than may be read', { cause: error });
  }
  const { code = '', syscall } = error as NodeJS.ErrnoException;
  // Whatever fails while connecting, e.g. by a reset from a server that has just stopped, has sent nothing.
  const neverSent = syscall === 'connect' || NEVER_SENT.has(code);
  const message = neverSent ? `${peer} cannot be reached` : `The connection to ${peer} broke`;
  return new RpcError('unavailable', message, { cause: error, neverSent });
}
