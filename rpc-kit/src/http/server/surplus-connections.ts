import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { overloaded } from '../../serving/load-shedding.ts';
import type { HttpMetrics } from './http-metrics.ts';
import type { HttpLimits } from './limits.ts';
import { toRefusalText } from './malformed.ts';

/** Connections beyond the limit that are open until they are answered; further ones are closed at once. */
export const SURPLUS_MAX = 200;

/** How long a caller has for its first bytes, and for reading the answer. */
const ANSWER_MS = 1_000;

/**
 * Answers connections beyond `connectionsMax` with 503 and closes them: a caller that is only closed learns neither the reason nor when
 * to come back. The answer waits for the first bytes, because clients take one that they did not ask for as a fault.
 */
export function refuseSurplus(
  server: Server,
  { connectionsMax }: HttpLimits,
  metrics: Pick<HttpMetrics, 'refused'>,
): void {
  // node:https announces the connection below TLS as `connection`.
  const event = server instanceof TlsServer ? 'secureConnection' : 'connection';
  const listeners = server.listeners(event) as ((socket: Socket) => void)[];
  let accepted = 0;
  server.maxConnections = connectionsMax + SURPLUS_MAX;
  server.removeAllListeners(event);
  server.on(event, (socket: Socket) => {
    if (accepted >= connectionsMax) {
      metrics.refused('server');
      refuse(socket);
      return;
    }
    accepted += 1;
    socket.once('close', () => {
      accepted -= 1;
    });
    for (const listener of listeners) listener.call(server, socket);
  });
}

function refuse(socket: Socket): void {
  const closing = setTimeout(() => socket.destroy(), ANSWER_MS);
  socket.once('close', () => clearTimeout(closing));
  socket.on('error', () => socket.destroy());
  // Unread bytes would reset the connection, and the answer would be lost.
  socket.once('data', () => {
    socket.resume();
    socket.end(toRefusalText(overloaded()));
  });
  socket.once('end', () => socket.end());
}
