import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * What becomes of a request on its way through the proxy.
 *
 * - `forward`: it arrives, and so does its reply.
 * - `drop reply`: it arrives; at the first byte of the reply the client's connection is closed.
 * - `reset reply`: it arrives; after so many bytes of the reply's head or body the client's connection is reset.
 * - `black hole`: bytes do not arrive, no answer returns, and the connection stays open.
 * - `slow`: the reply comes so much later.
 * - `trickle`: so many bytes of the reply come in each interval.
 */
export type Fault =
  | { readonly kind: 'forward' | 'drop reply' | 'black hole' }
  | { readonly kind: 'reset reply'; readonly of: 'head' | 'body'; readonly afterBytes: number }
  | { readonly kind: 'slow'; readonly delayMs: number }
  | { readonly kind: 'trickle'; readonly bytes: number; readonly intervalMs: number };

/** Forwards bytes between clients and one server, and does to them what a network can do. */
export interface TcpProxy extends AsyncDisposable {
  readonly url: string;
  /** What becomes of all requests that begin from now on. */
  set(fault: Fault): void;
  /** What becomes of the next requests, one each, whatever is set. */
  next(...faults: readonly Fault[]): void;
  /** Closes the port and every connection: from now on connections are refused. */
  refuse(): Promise<void>;
  /** Opens the same port again. */
  accept(): Promise<void>;
  /** Connections that clients have made so far. */
  readonly accepted: number;
}

export async function createTcpProxy(upstreamPort: number): Promise<TcpProxy> {
  let lasting: Fault = { kind: 'forward' };
  const coming: Fault[] = [];
  const clients = new Set<Socket>();
  let accepted = 0;
  const server = createServer({ noDelay: true }, (client) => {
    accepted += 1;
    clients.add(client);
    client.once('close', () => clients.delete(client));
    join(client, upstreamPort, () => coming.shift() ?? lasting);
  });
  const listen = async (port: number): Promise<void> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  const refuse = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const client of clients) client.destroy();
    await closed;
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    set(fault) {
      lasting = fault;
    },
    next(...faults) {
      coming.push(...faults);
    },
    refuse,
    accept: () => listen(port),
    get accepted() {
      return accepted;
    },
    [Symbol.asyncDispose]: refuse,
  };
}

/** One connection. Its client waits for each reply before it sends the next request, as ours does. */
function join(client: Socket, upstreamPort: number, takeFault: () => Fault): void {
  const upstream = connect({ port: upstreamPort, host: '127.0.0.1', noDelay: true });
  let fault: Fault = { kind: 'forward' };
  let pass = (_chunk: Buffer): void => {};
  let between = true;
  client.on('data', (chunk) => {
    if (between) {
      fault = takeFault();
      pass = passReply(fault, client);
    }
    between = false;
    if (fault.kind !== 'black hole') upstream.write(chunk);
  });
  upstream.on('data', (chunk: Buffer) => {
    between = true;
    pass(chunk);
  });
  for (const [end, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    end.on('error', () => {});
    end.once('close', () => other.destroy());
  }
}

/** How the pieces of one reply are delivered. */
function passReply(fault: Fault, client: Socket): (chunk: Buffer) => void {
  switch (fault.kind) {
    case 'forward':
      return (chunk) => client.write(chunk);
    case 'drop reply':
      return () => client.destroy();
    case 'black hole':
      return () => {};
    case 'slow':
      // No test waits for a reply that is in flight when it ends.
      return (chunk) => setTimeout(() => client.writable && client.write(chunk), fault.delayMs).unref();
    case 'reset reply': {
      let left: number | undefined;
      return (chunk) => {
        // The head comes in one piece, and first.
        left ??= fault.afterBytes + (fault.of === 'body' ? chunk.indexOf('\r\n\r\n') + 4 : 0);
        const passed = chunk.subarray(0, left);
        left -= passed.length;
        client.write(passed, () => left === 0 && client.resetAndDestroy());
      };
    }
    case 'trickle':
      return (chunk) => trickle(chunk, client, fault.bytes, fault.intervalMs);
  }
}

function trickle(chunk: Buffer, client: Socket, bytes: number, intervalMs: number): void {
  let at = 0;
  const timer = setInterval(() => {
    if (client.writable) client.write(chunk.subarray(at, at + bytes));
    at += bytes;
    if (at >= chunk.length || !client.writable) clearInterval(timer);
  }, intervalMs);
}
