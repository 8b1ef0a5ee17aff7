import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from './failure.ts';
import { LOCAL_HOST, type NamedPort } from './mesh-config.ts';

const POLL_INTERVAL_MS = 15;
const CONNECT_TIMEOUT_MS = 500;

/** Refuses in one sentence that names every port in use, before anything is started. */
export async function refusePortsInUse(ports: NamedPort[]): Promise<void> {
  const checked = await Promise.all(ports.map(async (named) => ({ ...named, free: await isPortFree(named.port) })));
  const used = checked.filter(({ free }) => !free);
  if (used.length === 0) return;
  const names = used.map(({ port, variable }) => `${port} (${variable})`).join(', ');
  const [subject, verb] = used.length === 1 ? ['Port', 'is'] : ['Ports', 'are'];
  const example = `${used[0]?.variable}=${(used[0]?.port ?? 0) + 1000}`;
  throw new Failure(
    `${subject} ${names} ${verb} in use already: stop what listens there, or choose another, like ${example} make run-all.`,
  );
}

/** Listening tells on Linux; on macOS one may listen on 127.0.0.1 beside a listener on all addresses, so connecting asks too. */
async function isPortFree(port: number): Promise<boolean> {
  if (await canConnect(LOCAL_HOST, port)) return false;
  const server = createServer();
  const listening = once(server, 'listening');
  server.listen({ host: LOCAL_HOST, port, exclusive: true });
  const free = await listening.then(
    () => true,
    () => false,
  );
  if (free) await new Promise((resolve) => server.close(resolve));
  return free;
}

export async function waitForPort(host: string, port: number, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (!(await canConnect(host, port))) {
    if (performance.now() > deadline) return false;
    await sleep(POLL_INTERVAL_MS);
  }
  return true;
}

/** Ports that were free a moment ago, all different. Held open together while they are chosen. */
export async function pickFreePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen({ host: LOCAL_HOST, port: 0 }));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('A TCP server has no port.');
    return address.port;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function canConnect(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port, timeout: CONNECT_TIMEOUT_MS });
  try {
    return await new Promise((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('timeout', () => resolve(false));
    });
  } finally {
    socket.destroy();
  }
}
