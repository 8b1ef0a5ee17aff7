import type { Server, ServerOptions } from 'node:http';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket, TlsOptions, Server as TlsServer } from 'node:tls';
import { RpcError } from '../../rpc-error.ts';
import { MUTUAL_TLS_REQUIRED, TLS_VERSIONS, type TlsFiles, type TlsSource } from '../tls.ts';
import type { HttpLimits } from './limits.ts';
import { toRefusalText } from './malformed.ts';

export interface TlsServerParts {
  readonly tls: TlsSource;
  readonly limits: Pick<HttpLimits, 'handshakeTimeoutMs' | 'handshakesMax'>;
  /** Called for each connection that failed before its first request. */
  readonly onFailedHandshake: () => void;
}

/**
 * A server of node:https. Handshakes succeed without a client certificate, because probes have none; the router refuses all but
 * their pages (`refuseUntrusted`).
 */
export function createTlsServer(options: ServerOptions, parts: TlsServerParts): Server {
  // As node:http does by itself: a caller that ends its side still gets its answers.
  const { server, handshakes } = secureServer(
    (tls) => createServer({ ...options, ...tls, allowHalfOpen: true }),
    parts,
  );
  const closeAllConnections = server.closeAllConnections.bind(server);
  // node:https knows no connection that is in its handshake.
  server.closeAllConnections = () => {
    closeAllConnections();
    for (const socket of handshakes.values()) socket.destroy();
  };
  return server;
}

/**
 * A server with the current certificate, which asks for one of the client, and with bounded handshakes.
 * @returns also the sockets in their handshake, below TLS
 */
export function secureServer<S extends TlsServer>(
  create: (options: TlsOptions) => S,
  { tls, limits, onFailedHandshake }: TlsServerParts,
): { readonly server: S; readonly handshakes: ReadonlyMap<string, Socket> } {
  let used = tls();
  const server = create({
    ...securityOf(used),
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: limits.handshakeTimeoutMs,
  });
  server.prependListener('connection', () => {
    const current = tls();
    if (current === used) return;
    used = current;
    server.setSecureContext(securityOf(current));
  });
  const handshakes = boundHandshakes(server, limits.handshakesMax);
  // Before node:https, which passes the error on to `clientError`, whose listener closes the connection.
  server.prependListener('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    // Probes that only connect, and callers that leave.
    if (error.code !== 'ECONNRESET') onFailedHandshake();
    if (error.code === 'ERR_SSL_HTTP_REQUEST') handshakes.get(peerOf(socket))?.write(toRefusalText(HTTPS_ONLY));
  });
  return { server, handshakes };
}

const HTTPS_ONLY = new RpcError(
  'invalid_request',
  'This port takes https only: call it by https with a client certificate',
  {
    reason: MUTUAL_TLS_REQUIRED,
  },
);

const securityOf = ({ cert, key, ca }: TlsFiles) => ({ cert, key, ca, ...TLS_VERSIONS });

/**
 * Keeps the newest handshakes. A caller completes its handshake within milliseconds, so the oldest of too many is one that waits on
 * purpose, and it must not keep others out.
 * @returns the sockets in their handshake, below TLS
 */
function boundHandshakes(server: TlsServer, max: number): ReadonlyMap<string, Socket> {
  const handshakes = new Map<string, Socket>();
  server.prependListener('connection', (socket) => {
    const peer = peerOf(socket);
    handshakes.set(peer, socket);
    socket.once('close', () => {
      if (handshakes.get(peer) === socket) handshakes.delete(peer);
    });
    if (handshakes.size > max) handshakes.values().next().value?.destroy();
  });
  server.on('secureConnection', (socket: TLSSocket) => handshakes.delete(peerOf(socket)));
  return handshakes;
}

/** node:tls has no public way from its socket to the one below; both have the same peer. */
const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

/** For load balancers, orchestrators and Prometheus, which have no certificate of the mesh: they hold no data of users. */
const PAGES_WITHOUT_CERTIFICATE = new Set(['/healthz', '/readyz', '/metrics']);

/**
 * Refuses a request on a connection without a client certificate of the authority.
 * @throws {RpcError} unauthenticated
 */
export function refuseUntrusted(socket: TLSSocket, path: string): void {
  if (socket.authorized || PAGES_WITHOUT_CERTIFICATE.has(path)) return;
  throw untrusted(socket);
}

/** The refusal of a connection whose client certificate is missing or not accepted. */
export function untrusted(socket: TLSSocket): RpcError {
  const message = reasonOf(socket, String(socket.authorizationError));
  return new RpcError('unauthenticated', message, { reason: MUTUAL_TLS_REQUIRED });
}

function reasonOf(socket: TLSSocket, code: string): string {
  if (socket.getPeerX509Certificate() === undefined)
    return 'Send a client certificate: this service requires mutual TLS';
  if (code === 'CERT_HAS_EXPIRED') return 'The client certificate has expired: renew it';
  return `The client certificate is not accepted (${code}): it has to come from an authority that this service trusts`;
}
