import type { IncomingHttpHeaders } from 'node:http';
import { type Dispatcher, Pool } from 'undici';
import { abortReason, onAbort } from '../../deadline.ts';
import { RpcError } from '../../rpc-error.ts';
import { parseRetryAfter } from '../retry-after.ts';
import { AnswerBody, type AnswerLimits } from './answer-body.ts';
import { type Connector, type ConnectorOptions, createConnector } from './connector.ts';
import type { Exchange, ExchangeRequest, ReplyHead } from './requests.ts';
import { explainTlsFailure, refuseTlsRefusal } from './tls-failure.ts';
import { Turns } from './turns.ts';

export interface ExchangeOptions extends AnswerLimits, ConnectorOptions {
  readonly connections: number;
}

/** Below the server's keep-alive of 10 s, so that no request is sent on a connection that the server is closing. */
const KEEP_ALIVE_MS = 4_000;
/** Deadlines of calls are shorter; this bounds a call without one, and the silence of a stream, which has several heartbeats in it. */
const ANSWER_TIMEOUT_MS = 60_000;

export function createExchange(
  origin: string,
  { connections, tls, ...limits }: ExchangeOptions,
): Exchange & AsyncDisposable {
  const connector = createConnector({ tls });
  const pool = createPool(origin, connector, connections);
  const turns = new Turns(connections);

  return {
    async post(request) {
      try {
        const { head, body } = await dispatch(pool, turns, request, limits);
        const value = body.value(head.status);
        refuseTlsRefusal(head.status, value, request.peer);
        const { splitter } = body;
        return { ...head, value, isSplit: splitter !== undefined, hasSkippedItems: splitter?.hasSkipped ?? false };
      } catch (error) {
        throw toRpcFailure(error, request.peer, request.signal, connector);
      }
    },
    async [Symbol.asyncDispose]() {
      await pool.destroy();
    },
  };
}

export function createPool(origin: string, { connect }: Connector, connections: number): Pool {
  return new Pool(origin, {
    connections,
    pipelining: 1,
    connect,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    headersTimeout: ANSWER_TIMEOUT_MS,
    bodyTimeout: ANSWER_TIMEOUT_MS,
  });
}

export function headOf(status: number, received: IncomingHttpHeaders): ReplyHead {
  const retryAfter = received['retry-after']?.toString();
  return { status, retryAfterMs: parseRetryAfter({ retryAfter, date: received.date?.toString() }) };
}

interface RawAnswer {
  readonly head: ReplyHead;
  readonly body: AnswerBody;
}

/** Sends one request by undici's `dispatch`: its `request()` creates streams and promises that double the cost. */
function dispatch(pool: Pool, turns: Turns, request: ExchangeRequest, limits: AnswerLimits): Promise<RawAnswer> {
  const { path, headers, signal } = request;
  return new Promise((resolve, reject) => {
    if (signal.aborted) throw abortReason(signal);
    let head: ReplyHead = { status: 0, retryAfterMs: undefined };
    const { onItem } = request;
    const body = new AnswerBody(limits, onItem && ((item) => onItem(item, head)));
    let controller: Dispatcher.DispatchController | undefined;
    // A dispatched request that waits for its connection has no controller yet; `onRequestStart` ends it.
    const abort = (): void => {
      turns.leave(begin);
      controller?.abort(abortReason(signal));
      reject(abortReason(signal));
    };
    const unfollow = onAbort(signal, abort);
    const settle = (conclude: () => void): void => {
      unfollow();
      conclude();
      // Calls with the same deadline expire in one phase of the event loop; a turn that they free must not start one of them.
      if (signal.aborted) setImmediate(() => turns.end());
      else turns.end();
    };
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(started) {
        // Nothing has been sent yet. Unlike `abort`, an exception here keeps the connection open for the next request.
        if (signal.aborted) throw abortReason(signal);
        controller = started;
      },
      onResponseStart(_controller, status, received) {
        head = headOf(status, received);
        body.isInParts = received['content-length'] === undefined;
      },
      onResponseData(_controller, chunk) {
        body.add(chunk);
      },
      onResponseEnd() {
        settle(() => resolve({ head, body }));
      },
      onResponseError(_controller, error) {
        settle(() => {
          if (!signal.aborted) body.salvage();
          reject(error);
        });
      },
    };
    const begin = (): void => {
      try {
        pool.dispatch({ method: 'POST', path, headers, body: request.body() }, handler);
      } catch (error) {
        settle(() => reject(error));
      }
    };
    turns.enter(begin);
  });
}

export function toRpcFailure(error: unknown, peer: string, signal: AbortSignal, connector: Connector): RpcError {
  if (error instanceof RpcError) return error;
  if (signal.aborted) return abortReason(signal);
  const neverSent = connector.isOwnFailure(error);
  const message = neverSent ? `${peer} cannot be reached` : `The connection to ${peer} broke`;
  return new RpcError('unavailable', message, { cause: explainTlsFailure(error, peer) ?? error, neverSent });
}
