import type { Socket } from 'node:net';
import './postgres-variables.ts';
import { Connection, type PoolClient } from 'pg';
import { createTurns } from './turns.ts';

/** Cancel requests in flight at a time: each costs the server a connection, and many callers may leave at once. */
const REQUESTS_MAX = 4;
/** From the call until the server has closed the connection, including the wait for a turn. */
const REQUEST_TIMEOUT_MS = 1_000;
/**
 * A sent request is closed by the server only: pgbouncer 1.18 exits if its client disconnects while the request is on its
 * way to Postgres (https://github.com/pgbouncer/pgbouncer/pull/846). pgbouncer gives up after 10 s (cancel_wait_timeout).
 */
const LINGER_TIMEOUT_MS = 15_000;

/** Fields of pg's clients and connections that their types omit. */
interface ServerSession {
  readonly processID: number;
  readonly secretKey: number;
  readonly ssl: boolean | { readonly key?: unknown };
  readonly sslNegotiation: 'postgres' | 'direct';
}
interface RawConnection {
  readonly stream: Socket;
  connect(port: number, host: string): void;
  requestSsl(): void;
  cancel(processID: number, secretKey: number): void;
  on(event: 'connect' | 'sslconnect' | 'end' | 'error', listener: () => void): void;
}

/**
 * Asks the server to cancel the client's statement.
 * @returns whether the server has finished the request, so that it cannot cancel a later statement; if false, the client's
 * connection must be closed
 */
export type CancelRequest = (client: PoolClient) => Promise<boolean>;

export function createCancelRequest(): CancelRequest {
  const turns = createTurns(REQUESTS_MAX);
  return async (client) => {
    const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const turn = await turns.take(timeout).catch(() => undefined);
    if (turn === undefined) return false;
    return requestCancel(client, timeout, () => turn[Symbol.dispose]());
  };
}

/**
 * The request uses its own connection, which the server closes once it has signalled the session
 * (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS). pg's `Client.cancel` has
 * no TLS and does not report its end, so this uses pg's `Connection`.
 * @param onClosed called when that connection is closed, which may be after the timeout
 */
function requestCancel(client: PoolClient, timeout: AbortSignal, onClosed: () => void): Promise<boolean> {
  const { processID, secretKey, ssl, sslNegotiation } = client as unknown as ServerSession;
  const { remoteAddress, remotePort } = client.connection.stream as Socket;
  const connection = new Connection({
    ssl: ssl && forHost(client.host, ssl),
    sslNegotiation,
  } as object) as unknown as RawConnection;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  let sent = false;
  const close = (): void => void connection.stream.destroy();
  const send = (): void => {
    sent = true;
    connection.cancel(processID, secretKey);
  };
  connection.on('connect', () => {
    if (!ssl) send();
    else if (sslNegotiation !== 'direct') connection.requestSsl();
  });
  connection.on('sslconnect', () => connection.stream.once('secureConnect', send));
  connection.on('error', () => {
    resolve(false);
    close();
  });
  connection.on('end', () => {
    resolve(sent);
    clearTimeout(lingering);
    onClosed();
  });
  const lingering = setTimeout(close, LINGER_TIMEOUT_MS);
  const giveUp = (): void => {
    resolve(false);
    if (!sent) close();
    // The connection must not delay the end of the process.
    lingering.unref();
    connection.stream.unref();
  };
  timeout.addEventListener('abort', giveUp, { once: true });
  // The name may resolve to several servers, and only this one knows the key.
  connection.connect(remotePort ?? client.port, remoteAddress ?? client.host);
  return promise;
}

/** The connection is made by address, but the certificate is checked against the server's name. */
function forHost(host: string, ssl: true | { readonly key?: unknown }): object {
  // pg makes the key non-enumerable, so a spread loses it.
  return ssl === true ? { host } : { host, ...ssl, key: ssl.key };
}
