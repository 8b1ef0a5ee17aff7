import { errors, Pool } from 'undici';
import type { Call } from '../call.ts';
import type { Transport } from '../client.ts';
import { abortReason } from '../deadline.ts';
import { parseJson, stringifyJson } from '../json.ts';
import { RpcError } from '../rpc-error.ts';
import { METADATA_HEADERS } from './metadata.ts';
import { fromJsonRpcError, fromPlainAnswer, isRecord } from './wire-error.ts';

export interface HttpTransportOptions {
  /**
   * `rpc` (default) speaks JSON-RPC to `POST /rpc`; `plain` speaks bare params to `POST /<method>`,
   * for peers that know nothing else, such as the original product service.
   */
  readonly face?: 'rpc' | 'plain';
  /** Connections to the peer. undici's own default is no limit. */
  readonly connections?: number;
  /** Bytes of an answer; a larger one fails the call. */
  readonly answerBytesMax?: number;
  /** How this client names itself to the peer, in User-Agent: `checkout/0.1.0`. */
  readonly userAgent: string;
}

export interface HttpTransport extends Transport, AsyncDisposable {}

const DEFAULTS = {
  face: 'rpc',
  // One connection carries some thousands of calls a second; this many hide the slow ones among them.
  connections: 32,
  answerBytesMax: 4 * 1024 * 1024,
} as const satisfies Partial<HttpTransportOptions>;

/** A peer on the same network answers a connect in milliseconds or not at all. */
const CONNECT_TIMEOUT_MS = 2_000;
/** Below the server's keep-alive of 10 s, so that no request is sent into a connection that the server is closing. */
const KEEP_ALIVE_MS = 4_000;

/** Failures before the request can have reached the peer: nothing happened there. */
const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Carries calls to a service over HTTP. One pool of connections a peer; dispose it to close them. */
export function createHttpTransport(url: string, options: HttpTransportOptions): HttpTransport {
  const { face, connections, answerBytesMax, userAgent } = { ...DEFAULTS, ...options };
  const { origin, pathname } = new URL(url);
  const base = pathname.replace(/\/$/, '');
  const pool = new Pool(origin, {
    connections,
    pipelining: 1,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    // The call's deadline bounds both waits; these only catch a deadline that is missing.
    headersTimeout: 60_000,
    bodyTimeout: 60_000,
    maxResponseSize: answerBytesMax,
  });
  const speak = face === 'plain' ? plainWords : rpcWords;

  return {
    async call(call) {
      const { path, body, understand } = speak(call);
      try {
        const answer = await pool.request({
          method: 'POST',
          path: `${base}${path}`,
          headers: headersOf(call, userAgent),
          body,
          signal: call.signal,
        });
        const text = await answer.body.text();
        return understand(answer.statusCode, text, answer.headers['retry-after'] as string | undefined);
      } catch (error) {
        throw toTransportError(error, call);
      }
    },
    async [Symbol.asyncDispose]() {
      await pool.destroy();
    },
  };
}

interface Words {
  readonly path: string;
  readonly body: string;
  understand(status: number, text: string, retryAfter: string | undefined): unknown;
}

function plainWords(call: Call): Words {
  return {
    path: `/${call.method}`,
    body: stringifyJson(call.params),
    understand(status, text, retryAfter) {
      const value = parseAnswer(text, status);
      if (status >= 200 && status < 300) return value;
      throw fromPlainAnswer(status, value, retryAfter);
    },
  };
}

function rpcWords(call: Call): Words {
  return {
    path: '/rpc',
    body: stringifyJson({ jsonrpc: '2.0', id: 1, method: call.method, params: call.params }),
    understand(status, text, retryAfter) {
      const value = parseAnswer(text, status);
      if (!isRecord(value) || value.jsonrpc !== '2.0') throw fromPlainAnswer(status, value, retryAfter);
      // Servers that came from JSON-RPC 1.0 send the member null beside a result.
      if (value.error !== undefined && value.error !== null) throw fromJsonRpcError(value.error);
      return value.result;
    },
  };
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

function headersOf(call: Call, userAgent: string): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'user-agent': userAgent,
    [METADATA_HEADERS.requestId]: call.requestId,
  };
  const remainingMs = call.deadlineAt - performance.now();
  if (Number.isFinite(remainingMs)) headers[METADATA_HEADERS.deadlineMs] = String(Math.max(0, Math.floor(remainingMs)));
  if (call.traceparent) headers[METADATA_HEADERS.traceparent] = call.traceparent;
  if (call.caller.idempotencyKey) headers[METADATA_HEADERS.idempotencyKey] = call.caller.idempotencyKey;
  if (call.caller.authorization) headers[METADATA_HEADERS.authorization] = call.caller.authorization;
  return headers;
}

function toTransportError(error: unknown, call: Call): RpcError {
  if (error instanceof RpcError) return error;
  if (call.signal.aborted) return abortReason(call.signal);
  if (error instanceof errors.InvalidArgumentError) {
    return new RpcError('invalid_request', 'A header cannot carry the metadata of the call', { cause: error });
  }
  if (error instanceof errors.ResponseExceededMaxSizeError) {
    return new RpcError('internal', 'The peer answered more than may be read', { cause: error });
  }
  const code = (error as { code?: string }).code ?? '';
  const message = NEVER_SENT.has(code)
    ? `${call.service} cannot be reached`
    : `The connection to ${call.service} broke`;
  return new RpcError('unavailable', message, { cause: error });
}
