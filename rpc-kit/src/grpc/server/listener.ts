import {
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2';
import { Server as NetServer, type Socket } from 'node:net';
import { type ListenAddress, startListening } from '../../http/server/start-listening.ts';
import { secureServer } from '../../http/server/tls-server.ts';
import type { TlsSource } from '../../http/tls.ts';
import { keepStreamsYoung } from '../young-streams.ts';
import { Connection } from './connection.ts';
import type { GrpcMetrics } from './grpc-metrics.ts';
import type { GrpcLimits } from './limits.ts';

/** How often timeouts are checked. */
const SWEEP_MS = 1_000;
/**
 * After this time without a byte, the kernel asks the client's machine whether it is there. A stream of health has no deadline and may send
 * nothing for days: without the question, one whose client has lost its power would stay open for good.
 */
const KEEPALIVE_MS = 60_000;
/** Frames that are no HTTP/2, before the connection is closed. Node's default is 1,000. */
const INVALID_FRAMES_MAX = 20;
/** Each connection may send this much that is not read yet: a megabyte, so that a message of that size needs no round trip. */
const WINDOW_BYTES = 1024 * 1024;

export interface ListenerOptions {
  readonly limits: GrpcLimits;
  readonly metrics: GrpcMetrics;
  readonly tls: TlsSource | undefined;
  /** Answers a stream; never throws. */
  answer(
    connection: Connection,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    rawHeaders: readonly string[],
  ): void;
}

export interface GrpcListener {
  /** @throws {Error} when the port is in use or the host cannot be bound */
  listen(address: ListenAddress): Promise<{ url: string; port: number }>;
  /** Stops accepting, asks clients to leave, and waits for the calls in flight. Connections still open after `finishMs` are destroyed. */
  close(finishMs: number): Promise<void>;
}

/** HTTP/2 with this kit's limits and drain. What answers the streams is up to the options. */
export function createListener(options: ListenerOptions): GrpcListener {
  const { limits, metrics, tls } = options;
  const server = createHttp2(limits, metrics, tls);
  const connections = new Set<Connection>();
  /** Below TLS, also of connections that are in their handshake or have no session any more. */
  const sockets = new Set<Socket>();
  let sweeping: NodeJS.Timeout | undefined;
  let closing = false;

  function accept(session: ServerHttp2Session): void {
    const connection = new Connection(session, { limits, metrics, isMutualTls: tls !== undefined });
    connections.add(connection);
    // Without a connection nothing is late, so a process without callers is not woken.
    sweeping ??= setInterval(sweep, SWEEP_MS).unref();
    keepStreamsYoung(session);
    session.setLocalWindowSize(WINDOW_BYTES);
    session.on('stream', (stream, headers, _flags, rawHeaders) => {
      options.answer(connection, stream as ServerHttp2Stream, headers, rawHeaders as unknown as readonly string[]);
    });
    session.once('close', () => {
      connections.delete(connection);
      if (connections.size > 0) return;
      clearInterval(sweeping);
      sweeping = undefined;
    });
    if (closing) session.close();
  }

  function sweep(): void {
    const now = performance.now();
    for (const connection of connections) connection.sweep(now);
  }

  server.on('session', accept);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.setKeepAlive(true, KEEPALIVE_MS);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => closeBothSides(socket, limits.idleTimeoutMs));
  server.on('drop', () => metrics.failed('server'));
  server.maxConnections = limits.connectionsMax;
  return {
    async listen(address) {
      const { authority, port } = await startListening(server, address);
      return { url: `${tls ? 'grpcs' : 'grpc'}://${authority}`, port };
    },
    async close(finishMs) {
      closing = true;
      await closeConnections(server, connections, sockets, finishMs);
    },
  };
}

/** A session that ends closes its own side and waits for its client to do the same, which a client may never do. */
function closeBothSides(socket: Socket, waitMs: number): void {
  socket.once('finish', () => {
    const destroying = setTimeout(() => socket.destroy(), waitMs).unref();
    socket.once('close', () => clearTimeout(destroying));
  });
}

function createHttp2(limits: GrpcLimits, metrics: GrpcMetrics, tls: TlsSource | undefined): Http2Server {
  const options: ServerOptions = {
    maxSessionInvalidFrames: INVALID_FRAMES_MAX,
    streamResetBurst: limits.resetsBurst,
    streamResetRate: limits.resetsPerSecond,
    unknownProtocolTimeout: SWEEP_MS,
    settings: {
      maxConcurrentStreams: limits.streamsMax,
      maxHeaderListSize: limits.headerBytesMax,
      initialWindowSize: WINDOW_BYTES,
      enablePush: false,
    },
  };
  if (!tls) return createServer(options);
  const onFailedHandshake = () => metrics.failed('malformed');
  return secureServer((files) => createSecureServer({ ...options, ...files }), { tls, limits, onFailedHandshake })
    .server;
}

async function closeConnections(
  server: Http2Server,
  connections: ReadonlySet<Connection>,
  sockets: ReadonlySet<Socket>,
  finishMs: number,
): Promise<void> {
  // node:http2's own `close` would end all sessions at once; net's stops accepting and leaves them open.
  const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
  // A GOAWAY names the last stream that is served, so clients know that those on their way had no effect. nghttp2 serves none of these
  // after any GOAWAY, so a first one that names no stream would lose them.
  for (const { session } of connections) session.close();
  const destroying = setTimeout(() => {
    for (const { session } of connections) session.destroy();
    for (const socket of sockets) socket.destroy();
  }, finishMs);
  await closed;
  clearTimeout(destroying);
}
