import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Replica } from './replica.ts';

/** Stands between a caller and one process, the target. */
export interface DeadlyLine extends AsyncDisposable {
  readonly url: string;
  /**
   * The next answer to this method has arrived here as a whole, so its transaction is committed: the victim is killed, and nobody
   * receives the answer. Returns a function that disarms the line and says whether that has happened.
   * @param victim the target, unless another one is given
   */
  arm(method: string, victim?: Replica, onKill?: () => void): () => boolean;
  /** Starts the target again. While it is dead, connections are refused, as its own port would. */
  revive(): Promise<void>;
}

interface Armed {
  readonly method: string;
  readonly victim: Replica;
  readonly onKill: () => void;
}

export async function openDeadlyLine(target: Replica): Promise<DeadlyLine> {
  const { hostname, port: targetPort } = new URL(target.url);
  let armed: Armed | undefined;

  const server = createServer(async (incoming, outgoing) => {
    const { connection: _connection, ...headers } = incoming.headers;
    const { url: path, method } = incoming;
    const sent = request({ hostname, port: targetPort, path, method, headers, agent: false });
    sent.once('error', () => outgoing.destroy());
    outgoing.once('close', () => sent.destroy());
    sent.once('response', async (answer) => {
      const whole = await buffer(answer).catch(() => undefined);
      if (whole === undefined) return void outgoing.destroy();
      if (armed && body?.includes(`"method":"${armed.method}"`)) return kill(armed);
      const { connection: _own, 'transfer-encoding': _coding, ...answered } = answer.headers;
      outgoing.writeHead(answer.statusCode ?? 502, { ...answered, 'content-length': whole.length }).end(whole);
    });
    const body = await buffer(incoming).catch(() => undefined);
    sent.end(body);
  });

  async function kill({ victim, onKill }: Armed): Promise<void> {
    armed = undefined;
    onKill();
    if (victim === target) server.close();
    await victim.kill();
    server.closeAllConnections();
  }

  async function listen(port: number): Promise<void> {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  }
  await listen(0);
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    arm(method, victim = target, onKill = () => {}) {
      const own = { method, victim, onKill };
      armed = own;
      return () => {
        const hasHappened = armed !== own;
        if (!hasHappened) armed = undefined;
        return hasHappened;
      };
    },
    async revive() {
      await target.start();
      await listen(port);
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}
