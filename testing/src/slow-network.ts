import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** A proxy with a delay: data arrives late, also when its sender has closed the connection by then. */
export interface SlowNetwork extends AsyncDisposable {
  readonly url: string;
  /** The delay of data sent from now on, called for each chunk. */
  delayMs: () => number;
  /** Chunks sent so far; a small request is one. */
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
    // Chunks of one connection arrive in order, and its end arrives last.
    let arrived = Promise.resolve();
    const send = (what: () => void): void => {
      const delayed = pause(network.delayMs());
      arrived = Promise.all([arrived, delayed]).then(what);
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
