import type { Socket } from 'node:net';
import './postgres-variables.ts';
import { Connection, type PoolClient } from 'pg';
import { createTurns } from './turns.ts';

/** Cancel requests under way at a time: each costs the server a connection, and a crowd that leaves must not bring another. */
const REQUESTS_MAX = 4;
/** From asking until the server is done, the wait for a turn included. */
const REQUEST_TIMEOUT_MS = 1_000;
/**
 * A request that was sent is the server's to end, however late: pgbouncer 1.18 exits when its client goes while the request is
 * on its way to Postgres (https://github.com/pgbouncer/pgbouncer/pull/846). It gives up after 10 s itself (cancel_wait_timeout).
 */
const LINGER_TIMEOUT_MS = 15_000;

/** What pg's clients and connections have, but their types do not tell. */
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
 * Asks the server to cancel whatever the client has under way.
 * @returns whether the server is done with the request, so that what the client sends from now on is safe from it; false
 * when that is not known, and the client's connection must not be used any more
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
 * The message travels on a connection of its own, which the server closes once it has signalled the session
 * (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS). pg's `Client.cancel` does
 * not speak TLS and tells nobody when it is done, so this stands on pg's `Connection`.
 * @param onClosed told when that connection is gone, which may be after the time is over
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
    // Nobody waits for it any more, and the end of the process need not either.
    lingering.unref();
    connection.stream.unref();
  };
  timeout.addEventListener('abort', giveUp, { once: true });
  // The name may stand for several servers, of which only this one knows the key.
  connection.connect(remotePort ?? client.port, remoteAddress ?? client.host);
  return promise;
}

/** Connected by address, the server's certificate is still checked against its name. */
function forHost(host: string, ssl: true | { readonly key?: unknown }): object {
  // pg hides the key from copies.
  return ssl === true ? { host } : { host, ...ssl, key: ssl.key };
}
