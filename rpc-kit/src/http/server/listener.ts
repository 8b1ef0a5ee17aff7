import { createServer, type IncomingMessage, type Server, type ServerOptions } from 'node:http';
import { Server as NetServer } from 'node:net';
import type { TlsSource } from '../tls.ts';
import { type ConnectionOptions, serveConnections, TIMEOUT_CHECK_MS } from './connections.ts';
import type { HttpLimits } from './limits.ts';
import { type ListenAddress, startListening } from './start-listening.ts';
import { refuseSurplus } from './surplus-connections.ts';
import { createTlsServer } from './tls-server.ts';

export interface ListenerOptions extends ConnectionOptions {
  /** Serves https only. Requests on connections without a valid client certificate arrive too: see `refuseUntrusted`. */
  readonly tls?: TlsSource | undefined;
  /** Default: node:http's own. */
  readonly requestClass?: typeof IncomingMessage;
}

export interface HttpListener {
  readonly server: Server;
  /** @throws {Error} when the port is in use or the host cannot be bound */
  listen(address: ListenAddress): Promise<{ readonly url: string; readonly port: number }>;
  /** Stops accepting and waits for the requests in flight. Connections that are still open after `finishMs` are destroyed. */
  close(finishMs: number): Promise<void>;
}

/** A server with this kit's limits, refusals of malformed requests and drain. What answers the requests is up to the options. */
export function createListener(options: ListenerOptions): HttpListener {
  const { limits, tls, metrics, requestClass } = options;
  const onFailedHandshake = () => metrics.refused('malformed');
  const server = tls
    ? createTlsServer(serverOptions(limits, requestClass), { tls, limits, onFailedHandshake })
    : createServer(serverOptions(limits, requestClass));
  refuseSurplus(server, limits, metrics);
  serveConnections(server, options);
  return {
    server,
    async listen(address) {
      const { authority, port } = await startListening(server, address);
      return { url: `${tls ? 'https' : 'http'}://${authority}`, port };
    },
    close: (finishMs) => closeConnections(server, finishMs),
  };
}

function serverOptions(limits: HttpLimits, requestClass: typeof IncomingMessage | undefined): ServerOptions {
  return {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    maxHeaderSize: limits.headerBytesMax,
    // The router checks for a missing and for a repeated Host, and refuses both in the same form.
    requireHostHeader: false,
    connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    noDelay: true,
    ...(requestClass && { IncomingMessage: requestClass }),
  };
}

/**
 * How long idle connections stay open at a stop. A request that is on its way into a connection that closes fails, and its
 * sender cannot know whether it was executed; a connection that was idle for this long rarely gets another request.
 */
const LINGER_MS = 200;

async function closeConnections(server: Server, finishMs: number): Promise<void> {
  // node:http's own `close` would close idle connections at once; net's stops accepting and leaves them open.
  const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
  // setImmediate runs after the poll phase: a connection whose request has just arrived is not idle.
  const closeIdle = (): unknown => setImmediate(() => server.closeIdleConnections());
  const lingering = setTimeout(closeIdle, Math.min(LINGER_MS, finishMs));
  const destroying = setTimeout(() => server.closeAllConnections(), finishMs);
  await closed;
  clearTimeout(lingering);
  clearTimeout(destroying);
  // Stops node:http's connection-check timer.
  server.close();
}
