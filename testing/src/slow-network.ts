import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** A way to a server that takes its time: what is sent arrives late, though whoever sent it may have hung up meanwhile. */
export interface SlowNetwork extends AsyncDisposable {
  readonly url: string;
  /** How long what is sent from now on is on its way, drawn anew for each piece. */
  delayMs: () => number;
  /** Pieces that were sent so far; a small request is one. */
  readonly sent: number;
}

export async function startSlowNetwork(serverUrl: string): Promise<SlowNetwork> {
  const { port: serverPort } = new URL(serverUrl);
  const sockets = new Set<Socket>();
  let sent = 0;
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const upstream = connect({ port: Number(serverPort), host: '127.0.0.1', noDelay: true });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => sockets.delete(socket));
    }
    // Pieces of one connection arrive in the order in which they were sent, and its end after all of them.
    let arrived = Promise.resolve();
    const send = (what: () => void): void => {
      const onItsWay = pause(network.delayMs());
      arrived = Promise.all([arrived, onItsWay]).then(what);
    };
    client.on('data', (chunk) => {
      sent += 1;
      send(() => upstream.write(chunk));
    });
    client.once('close', () => send(() => upstream.end()));
    upstream.on('data', (chunk) => client.writable && client.write(chunk));
    upstream.once('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const network: SlowNetwork = {
    url: `http://127.0.0.1:${port}`,
    delayMs: () => 0,
    get sent() {
      return sent;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  return network;
}
