import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { RpcError } from '../../rpc-error.ts';
import { overloaded } from '../../serving/load-shedding.ts';
import { isRefusedByHeaders } from './answer.ts';
import { HttpRefusal } from './body.ts';
import { answerHalfClosed } from './half-closed.ts';
import type { HttpMetrics } from './http-metrics.ts';
import type { HttpLimits } from './limits.ts';
import { LoopStalls } from './loop-stalls.ts';
import { isMalformed, isTimeout, refuseConnection, toRefusal, unfinishedRequest } from './malformed.ts';
import { type Connection, PendingAnswer } from './pending-answer.ts';

/** How often node:http checks its timeouts. Its default of 30 s would stretch a timeout of 5 s to 35 s. */
export const TIMEOUT_CHECK_MS = 1_000;

/**
 * The share of a timeout during which the event loop stalled that makes a late request the server's fault (503, not 408). A shorter
 * stall leaves the sender enough time; a larger share would blame senders for the server's own stalls.
 */
const STALLED_SHARE = 0.25;

/**
 * Requests of one connection that wait for their answers. Clients that pipeline send some tens; a megabyte holds 20,000 small requests,
 * each of which would be a call in flight.
 */
export const UNANSWERED_MAX = 100;
/**
 * Requests behind the refusal of a further one: those that were on their way. node:http keeps each, 3 KB, until the connection closes,
 * and a connection that is cut off loses the answers before.
 */
export const IGNORED_MAX = 1_000;

export interface ConnectionOptions {
  readonly limits: HttpLimits;
  readonly metrics: Pick<HttpMetrics, 'refused'>;
  /**
   * Answers a request, never throws.
   * @param pending cancelled when the caller leaves; to be settled when the answer is sent
   */
  answer(request: IncomingMessage, response: ServerResponse, pending: PendingAnswer): void;
}

/** Passes on each request and refuses bytes that are no request. */
export function serveConnections(server: Server, options: ConnectionOptions): void {
  const { limits, metrics } = options;
  const stalls = new LoopStalls(Math.max(limits.headersTimeoutMs, limits.requestTimeoutMs) + TIMEOUT_CHECK_MS);
  meterWhileConnected(server, stalls);
  const connections = new WeakMap<Duplex, Connection>();

  function connectionOf(socket: Duplex): Connection {
    const known = connections.get(socket);
    if (known) return known;
    const created: Connection = { unanswered: [], pipelined: [], isRefused: false, ignored: 0 };
    connections.set(socket, created);
    // One listener for all requests of a connection: adding and removing one costs as much as the metrics of a request.
    socket.once('close', () => {
      for (const pending of [...created.unanswered]) pending.abandon();
    });
    return created;
  }

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const connection = connectionOf(request.socket);
    const { unanswered, isRefused } = connection;
    if (isRefused) {
      connection.ignored += 1;
      if (connection.ignored > IGNORED_MAX) request.socket.destroy();
      return;
    }
    if (unanswered.length >= UNANSWERED_MAX) {
      metrics.refused('malformed');
      const message = `More than ${UNANSWERED_MAX} requests of this connection wait: send further ones after the answers`;
      const refusal = new RpcError('resource_exhausted', message);
      void refuseConnection(refusal, request.socket, connection, refusal);
      return;
    }
    const pending = new PendingAnswer(response, connection);
    if (unanswered.length === 1) options.answer(request, response, pending);
    else startPipelined(connection, () => request.socket.destroyed || options.answer(request, response, pending));
  }

  answerHalfClosed(server, connectionOf);
  // RFC 9110, section 9.3.6: without this listener, node:http drops the connection with every answer that is due.
  server.on('connect', (_request, socket) => {
    const connection = connectionOf(socket);
    // node:http no longer listens to the socket: an unhandled error would end the process.
    socket.on('error', () => socket.destroy());
    metrics.refused('malformed');
    const refusal = new RpcError('unimplemented', 'This server is no proxy: send the request without CONNECT');
    void refuseConnection(refusal, socket, connection, refusal);
  });
  server.on('request', answer);
  server.on('checkExpectation', answer);
  // Without this listener, node:http asks for a body even when the headers alone are refused.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    const { isRefused } = connectionOf(request.socket);
    if (!isRefused && !isRefusedByHeaders(request, limits)) response.writeContinue();
    answer(request, response);
  });
  server.on('clientError', (error, socket) => {
    if (!isMalformed(error)) {
      socket.destroy();
      return;
    }
    const connection = connectionOf(socket);
    // A parser that has failed once reports an error for every further chunk.
    if (connection.isRefused) return;
    const refusal = isTimeout(error) ? lateRefusal(connection, stalls, limits) : toRefusal(error, limits);
    metrics.refused(refusal.code === 'unavailable' ? 'server' : 'malformed');
    void refuseConnection(error, socket, connection, refusal);
  });
}

/** Without a connection no sender is late, so a process without callers is not woken. */
function meterWhileConnected(server: Server, stalls: LoopStalls): void {
  let open = 0;
  server.on('connection', (socket) => {
    if (open === 0) stalls.resume();
    open += 1;
    socket.once('close', () => {
      open -= 1;
      if (open === 0) stalls.pause();
    });
  });
}

/** Starts one request of a connection in each turn of the event loop: one packet holds hundreds, which would delay all others. */
function startPipelined({ pipelined }: Connection, start: () => unknown): void {
  pipelined.push(start);
  if (pipelined.length > 1) return;
  const startNext = (): void => {
    pipelined[0]?.();
    pipelined.shift();
    if (pipelined.length > 0) setImmediate(startNext);
  };
  setImmediate(startNext);
}

function lateRefusal(connection: Connection, stalls: LoopStalls, limits: HttpLimits): RpcError {
  const timeoutMs = unfinishedRequest(connection) ? limits.requestTimeoutMs : limits.headersTimeoutMs;
  const isOurs = stalls.within(timeoutMs + TIMEOUT_CHECK_MS) >= timeoutMs * STALLED_SHARE;
  return isOurs ? overloaded() : new HttpRefusal(408, 'The request took too long to arrive');
}
