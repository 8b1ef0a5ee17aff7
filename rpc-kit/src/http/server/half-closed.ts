import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { Server as TlsServer } from 'node:tls';
import type { Connection } from './pending-answer.ts';

/**
 * A caller that ends its side of the connection may have left, or may read on (`nc -N`, shutdown(SHUT_WR)); the two look the same.
 * So its calls have as long as nearly every call takes, and are cancelled then, which answers them, too.
 */
const HALF_CLOSED_MS = 200;

/** By itself node:http ends the connection of a sender that ends its side, and the answers that are due are lost. */
export function answerHalfClosed(server: Server, connectionOf: (socket: Duplex) => Connection): void {
  // Missing in the types: https://github.com/nodejs/node/blob/v26.x/lib/_http_server.js
  Object.assign(server, { httpAllowHalfOpen: true });
  // node:https announces the connection below TLS as `connection`.
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Duplex) => {
    socket.once('end', () => {
      const connection = connectionOf(socket);
      if (connection.unanswered.length === 0) return;
      const leave = (): void => {
        for (const pending of [...connection.unanswered]) pending.leave();
      };
      const cancelling = setTimeout(leave, HALF_CLOSED_MS);
      socket.once('close', () => clearTimeout(cancelling));
    });
  });
}
