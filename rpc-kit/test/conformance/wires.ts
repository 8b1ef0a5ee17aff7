import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { HttpServerOptions } from '../../src/http/server/server.ts';
import { TLS_FILES } from '../certificates.ts';

/** What carries HTTP: TCP, or mutual TLS. A server behaves alike over both. */
export interface Wire {
  readonly name: 'HTTP' | 'HTTPS';
  readonly serverOptions: Pick<HttpServerOptions, 'tls'>;
  connect(port: number, options?: Partial<NetConnectOpts>): Socket;
  /** Breaks a connection. A socket of TLS cannot send a reset. */
  sever(socket: Socket): void;
}

const { good } = TLS_FILES;

export const WIRES: readonly Wire[] = [
  {
    name: 'HTTP',
    serverOptions: {},
    connect: (port, options) => connect({ host: '127.0.0.1', port, noDelay: true, ...options }),
    sever: (socket) => socket.resetAndDestroy(),
  },
  {
    name: 'HTTPS',
    serverOptions: { tls: () => good },
    connect: (port, options) => connectTls({ host: '127.0.0.1', port, ...good, ...options }).setNoDelay(),
    sever: (socket) => socket.destroy(),
  },
];
