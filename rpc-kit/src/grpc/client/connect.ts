import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { TLS_VERSIONS, type TlsSource } from '../../http/tls.ts';
import { outsideCalls } from '../../telemetry/log-scope.ts';

/** Where the sessions of one transport lead. */
export interface Target {
  /** `http://host:port`, or https for TLS. */
  readonly origin: string;
  /** The peer's name, when the origin holds one of its addresses. An https peer's certificate has to bear it. */
  readonly host: string | undefined;
  /** Certificates for an https peer. Unset: no own certificate, and the authorities that Node trusts. */
  readonly tls: TlsSource | undefined;
}

export interface Connection {
  readonly http2: ClientHttp2Session;
  readonly socket: Socket;
}

/** Bytes that a peer may send before they are acknowledged: a stream's share of the answers, and that of the whole connection. */
const STREAM_WINDOW_BYTES = 256 * 1024;
const CONNECTION_WINDOW_BYTES = 4 * 1024 * 1024;
/** Node's default of 10 MB resets streams while 100 of them have large answers. */
const SESSION_MEMORY_MB = 64;

/** Opens a connection of HTTP/2. It outlives the call for which it is opened, and alone it keeps no process alive. */
export function connect(target: Target): Connection {
  return outsideCalls(() => {
    const socket = connectSocket(target);
    const http2 = connectHttp2(target.origin, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES },
      maxSessionMemory: SESSION_MEMORY_MB,
    });
    http2.once('connect', () => {
      http2.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
      http2.unref();
    });
    return { http2, socket };
  });
}

function connectSocket({ origin, host, tls }: Target): Socket {
  const url = new URL(origin);
  const isSecure = url.protocol === 'https:';
  const address = { host: bare(url.hostname), port: Number(url.port || (isSecure ? 443 : 80)) };
  if (!isSecure) return connectTcp(address);
  const name = bare(host === undefined ? url.hostname : new URL(`https://${host}`).hostname);
  // Without a session of before, each connection checks the peer's certificate.
  const options = { ...address, ...tls?.(), ...TLS_VERSIONS, ALPNProtocols: ['h2'] };
  return connectTls(isIP(name) ? options : { ...options, servername: name });
}

/** An IPv6 address without the brackets of URLs. */
function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}
