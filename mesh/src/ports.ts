import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from './failure.ts';
import { LOCAL_HOST, type NamedPort } from './mesh-config.ts';

const POLL_INTERVAL_MS = 15;
const CONNECT_TIMEOUT_MS = 500;
const PICK_FROM = 20_000;
const PICK_BELOW = 32_000;
const PICK_ATTEMPTS_MAX = 50;

/**
 * Refuses every port in use in one sentence, before any process is started.
 * @param command to call again, with another port
 */
export async function refusePortsInUse(ports: NamedPort[], command: string): Promise<void> {
  const checked = await Promise.all(ports.map(async (named) => ({ ...named, free: await isPortFree(named.port) })));
  const used = checked.filter(({ free }) => !free);
  if (used.length === 0) return;
  const names = used.map(({ port, variable }) => `${port} (${variable})`).join(', ');
  const [subject, verb] = used.length === 1 ? ['Port', 'is'] : ['Ports', 'are'];
  // A service has a second port, a thousand higher.
  const example = `${used[0]?.variable}=${(used[0]?.port ?? 0) + 100} ${command}`;
  throw new Failure(
    `${subject} ${names} ${verb} in use already: stop what listens there, or choose another, like ${example}.`,
  );
}

/** Listening suffices on Linux. macOS allows a listener on 127.0.0.1 beside one on all addresses, so this connects as well. */
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

/**
 * Consecutive ports that were free a moment ago. They are below the ephemeral ports, so that no outgoing connection occupies
 * one in the meantime.
 * @param offset the ports that are so much higher have to be free too
 */
export async function pickFreePorts(count: number, offset = 0): Promise<number[]> {
  for (let attempt = 1; attempt <= PICK_ATTEMPTS_MAX; attempt += 1) {
    const first = randomInt(PICK_FROM, PICK_BELOW - count - offset);
    const ports = Array.from({ length: count }, (_, index) => first + index);
    const all = offset === 0 ? ports : [...ports, ...ports.map((port) => port + offset)];
    const free = await Promise.all(all.map(isPortFree));
    if (free.every(Boolean)) return ports;
  }
  throw new Failure(`No ${count} free ports in a row were found between ${PICK_FROM} and ${PICK_BELOW}.`);
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
