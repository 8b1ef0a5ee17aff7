import { createServer, type Socket } from 'node:net';

/** Does something to the connection on which a whole request has arrived. */
export type Behaviour = (socket: Socket) => void;

export interface FaultyPeer extends AsyncDisposable {
  readonly url: string;
  /** What the next requests meet. */
  behave(behaviour: Behaviour): void;
  /** Connections that are open now. */
  readonly connections: number;
  /** Connections that were ever opened. */
  readonly opened: number;
}

/** A peer that does to its caller whatever a network can do. It reads just enough HTTP to know where a request ends. */
export async function createFaultyPeer(): Promise<FaultyPeer> {
  let current: Behaviour = (socket) => socket.destroy();
  const sockets = new Set<Socket>();
  let opened = 0;
  const server = createServer((socket) => {
    opened += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      const headEnd = received.indexOf('\r\n\r\n') + 4;
      const length = Number(/content-length: (\d+)/i.exec(received)?.[1]);
      if (headEnd < 4 || received.length < headEnd + length) return;
      received = '';
      current(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    behave(behaviour) {
      current = behaviour;
    },
    get connections() {
      return sockets.size;
    },
    get opened() {
      return opened;
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** A whole HTTP answer. */
export function answer(status: number, body: string, ...headers: readonly string[]): Behaviour {
  const lines = [`HTTP/1.1 ${status} X`, `Content-Length: ${Buffer.byteLength(body)}`, ...headers];
  return (socket) => socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
}
