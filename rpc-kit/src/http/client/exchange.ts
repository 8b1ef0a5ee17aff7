import type { IncomingHttpHeaders } from 'node:http';
import { type Dispatcher, Pool } from 'undici';
import { abortReason, type Follower, followSignal } from '../../deadline.ts';
import { RpcError } from '../../rpc-error.ts';
import { parseRetryAfter } from '../retry-after.ts';
import { AnswerBody, type AnswerLimits } from './answer-body.ts';
import { type Connector, type ConnectorOptions, createConnector } from './connector.ts';
import type { Exchange, ExchangeRequest, Reply, ReplyHead } from './requests.ts';
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
  const wire = { pool, connector, turns: new Turns(connections), limits };

  return {
    post(request) {
      if (request.signal.aborted) return Promise.reject(abortReason(request.signal));
      return new Posting(wire, request).reply;
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

/** What the requests to one peer share. */
interface Wire {
  readonly pool: Pool;
  readonly connector: Connector;
  readonly turns: Turns;
  readonly limits: AnswerLimits;
}

const NO_HEAD: ReplyHead = { status: 0, retryAfterMs: undefined };

/**
 * Sends one request by undici's `dispatch`: its `request()` creates streams and promises that double the cost. One object with methods:
 * functions made for each request take twice the memory.
 */
class Posting implements Dispatcher.DispatchHandler, Follower {
  readonly #wire: Wire;
  readonly #request: ExchangeRequest;
  readonly #settled = Promise.withResolvers<Reply>();
  readonly #body: AnswerBody;
  readonly #unfollow: () => void;
  #waiting: (() => void) | undefined;
  /** A dispatched request that waits for its connection has none yet; `onRequestStart` ends it. */
  #controller: Dispatcher.DispatchController | undefined;
  #head = NO_HEAD;

  constructor(wire: Wire, request: ExchangeRequest) {
    const { onItem, signal } = request;
    this.#wire = wire;
    this.#request = request;
    this.#body = new AnswerBody(wire.limits, onItem && ((item) => onItem(item, this.#head)));
    this.#unfollow = followSignal(signal, this);
    if (wire.turns.tryEnter()) this.#begin();
    else {
      this.#waiting = () => this.#begin();
      wire.turns.enter(this.#waiting);
    }
  }

  get reply(): Promise<Reply> {
    return this.#settled.promise;
  }

  cancel(): void {
    const reason = abortReason(this.#request.signal);
    if (this.#waiting) this.#wire.turns.leave(this.#waiting);
    this.#controller?.abort(reason);
    this.#settled.reject(reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    const { signal } = this.#request;
    // Nothing has been sent yet. Unlike `cancel`, an exception here keeps the connection open for the next request.
    if (signal.aborted) throw abortReason(signal);
    this.#controller = controller;
  }

  onResponseStart(_controller: unknown, status: number, received: IncomingHttpHeaders): void {
    this.#head = headOf(status, received);
    this.#body.isInParts = received['content-length'] === undefined;
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    this.#body.add(chunk);
  }

  onResponseEnd(): void {
    this.#unfollow();
    try {
      this.#settled.resolve(this.#toReply());
    } catch (error) {
      this.#fail(error);
    }
    this.#endTurn();
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#unfollow();
    if (!this.#request.signal.aborted) this.#body.salvage();
    this.#fail(error);
    this.#endTurn();
  }

  #begin(): void {
    const { path, headers, body } = this.#request;
    try {
      this.#wire.pool.dispatch({ method: 'POST', path, headers, body: body() }, this);
    } catch (error) {
      this.#unfollow();
      this.#fail(error);
      this.#endTurn();
    }
  }

  #toReply(): Reply {
    const { status, retryAfterMs } = this.#head;
    const value = this.#body.value(status);
    refuseTlsRefusal(status, value, this.#request.peer);
    const { splitter } = this.#body;
    const hasSkippedItems = splitter?.hasSkipped ?? false;
    return { status, retryAfterMs, value, isSplit: splitter !== undefined, hasSkippedItems };
  }

  #fail(error: unknown): void {
    const { peer, signal } = this.#request;
    this.#settled.reject(toRpcFailure(error, peer, signal, this.#wire.connector));
  }

  #endTurn(): void {
    const { turns } = this.#wire;
    // Calls with the same deadline expire in one phase of the event loop; a turn that they free must not start one of them.
    if (this.#request.signal.aborted) setImmediate(() => turns.end());
    else turns.end();
  }
}

export function toRpcFailure(error: unknown, peer: string, signal: AbortSignal, connector: Connector): RpcError {
  if (error instanceof RpcError) return error;
  if (signal.aborted) return abortReason(signal);
  const neverSent = connector.isOwnFailure(error);
  const message = neverSent ? `${peer} cannot be reached` : `The connection to ${peer} broke`;
  return new RpcError('unavailable', message, { cause: explainTlsFailure(error, peer) ?? error, neverSent });
}
