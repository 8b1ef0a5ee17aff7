import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/**
 * `node gateway.ts 8081=loms:8081 …` accepts connections on a port and forwards each to the next replica of a name. So a service
 * has one port on the host for any number of replicas, as behind the load balancer of a real deployment. It knows no HTTP.
 */
const CONNECTIONS_MAX = 1_000;
/** A replica is in the same network: one that needs longer has stopped. */
const CONNECT_TIMEOUT_MS = 1_000;

let turn = 0;

for (const route of process.argv.slice(2)) {
  const [, port, host, targetPort] = /^(\d+)=([\w-]+):(\d+)$/.exec(route) ?? [];
  if (!port || !host || !targetPort) throw new Error(`"${route}" is no route: expected port=host:port.`);
  // A client may close its sending side and still wait for the answer.
  const server = createServer({ allowHalfOpen: true }, (client) => void serve(client, host, Number(targetPort)));
  server.maxConnections = CONNECTIONS_MAX;
  server.listen(Number(port));
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit());

async function serve(client: Socket, host: string, port: number): Promise<void> {
  // First of all: an error without a listener would end the process.
  client.on('error', () => client.destroy());
  const replica = await reach(host, port);
  if (!replica || client.destroyed) {
    replica?.destroy();
    client.destroy();
    return;
  }
  replica.on('error', () => replica.destroy());
  client.once('close', () => replica.destroy());
  replica.once('close', () => client.destroy());
  client.pipe(replica).pipe(client);
}

/** Resolves the name for each connection: Docker answers at once, with the current replicas. */
async function reach(host: string, port: number): Promise<Socket | undefined> {
  const addresses = await lookup(host, { all: true, family: 4 }).catch(() => []);
  turn += 1;
  for (const index of addresses.keys()) {
    const address = addresses[(turn + index) % addresses.length]?.address;
    const replica = connect({ host: address, port, allowHalfOpen: true });
    try {
      await once(replica, 'connect', { signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) });
      return replica;
    } catch {
      replica.destroy();
    }
  }
  return undefined;
}
