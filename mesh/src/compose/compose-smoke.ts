import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure, runScript } from '../failure.ts';
import { pickFreePorts } from '../ports.ts';
import { listenForInterruption } from '../run/interruption.ts';
import { step } from '../run/progress.ts';
import { type Compose, openCompose } from './docker-compose.ts';

/**
 * `make compose-smoke`: starts docker-compose.yml with two replicas of loms and checkout, on ports of its own; buys, pays and
 * reads the history; checks the isolation between the parts; removes everything. EVENTS=rpc: without Kafka.
 */
const SKU = 1076963;
/** Events take part in the first rebalance of a new group of consumers. */
const HISTORY_TIMEOUT_MS = 60_000;
const CALL_TIMEOUT_MS = 10_000;
/** The first calls of new processes may exceed their deadlines, and a stopped replica must be detected. */
const PURCHASE_TIMEOUT_MS = 30_000;
const POLL_INTERVAL_MS = 250;

type Ports = { checkout: number; loms: number; notifications: number; products: number };

async function call(port: number, method: string, params: object): Promise<Record<string, unknown>> {
  const response = await fetch(`http://127.0.0.1:${port}/${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify(params),
    signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
  });
  const text = await response.text();
  if (response.status !== 200) throw new Failure(`${method} answered ${response.status}: ${text}`);
  return JSON.parse(text);
}

async function eventually<T>(timeoutMs: number, attempt: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(POLL_INTERVAL_MS);
    }
  }
}

async function buy(ports: Ports, user: number): Promise<unknown> {
  await call(ports.checkout, 'addToCart', { user, sku: SKU, count: 2 });
  const cart = await call(ports.checkout, 'listCart', { user });
  assert.equal(typeof cart.totalPrice, 'number');
  // With the key a repeated call is the same purchase, whether or not the first attempt succeeded.
  const { orderID } = await call(ports.checkout, 'purchase', { user, idempotencyKey: `smoke-${user}` });
  await call(ports.loms, 'orderPayed', { orderID });
  return orderID;
}

async function checkHistory(ports: Ports, user: number): Promise<void> {
  const { notifications } = await call(ports.notifications, 'history', { user });
  const statuses = (notifications as { status: string }[]).map(({ status }) => status);
  assert.deepEqual(statuses, ['payed', 'awaiting payment', 'new'], 'the history has to show each status, newest first');
}

/** What the script prints in a container of the service. */
async function inContainer(compose: Compose, service: string, script: string): Promise<string> {
  const output = await compose.run(['exec', '-T', '--index', '1', service, 'node', '-e', script]);
  return output.trim();
}

async function checkWalls(compose: Compose): Promise<void> {
  const lookUp = `require('dns').promises.lookup('postgres-loms').then(({ address }) => console.log(address), ({ code }) => console.log(code))`;
  const address = await inContainer(compose, 'loms', lookUp);
  assert.match(address, /^\d+\.\d+\.\d+\.\d+$/, 'loms has to find its database');
  assert.match(await inContainer(compose, 'checkout', lookUp), /^E/, 'checkout must not find the database of loms');
  const connect = `const socket = require('net').connect({ host: '${address}', port: 5432, timeout: 2000 });
    for (const event of ['connect', 'timeout', 'error']) socket.on(event, () => { console.log(event); process.exit(); });`;
  assert.notEqual(
    await inContainer(compose, 'checkout', connect),
    'connect',
    'checkout must not reach the database of loms',
  );
  const write = `try { fs.writeFileSync('/app/x', ''); console.log('written'); } catch ({ code }) { console.log(process.getuid() > 0, code); }`;
  assert.equal(
    await inContainer(compose, 'loms', write),
    'true EROFS',
    'no service may run as root or change its image',
  );
  assert.equal(await inContainer(compose, 'loms', 'console.log(process.env.DATABASE_URL)'), 'undefined');
}

await runScript(async () => {
  const interrupted = listenForInterruption().then((interruption) => Promise.reject(interruption));
  const [checkout = 0, loms = 0, notifications = 0, products = 0] = await pickFreePorts(4);
  const ports = { checkout, loms, notifications, products };
  const variables = Object.entries(ports).map(([name, port]) => [`${name.toUpperCase()}_PORT`, String(port)]);
  const compose = await openCompose({
    ...Object.fromEntries(variables),
    COMPOSE_PROJECT_NAME: `order-mesh-smoke-${process.pid}`,
    COMPOSE_PROFILES: '',
  });
  const replicas = ['--scale', 'loms=2', '--scale', 'checkout=2'];
  const replicaGoes = async (): Promise<void> => {
    await inContainer(compose, 'loms', 'process.kill(1)');
    await eventually(PURCHASE_TIMEOUT_MS, () => buy(ports, 2));
  };
  const ended = new AbortController();
  const work = async (): Promise<void> => {
    const up = ['up', '--build', '--wait', ...replicas];
    await step('image and containers', () => compose.run(up, ended.signal));
    await step('a purchase, paid', () => eventually(PURCHASE_TIMEOUT_MS, () => buy(ports, 1)));
    await step('its history', () => eventually(HISTORY_TIMEOUT_MS, () => checkHistory(ports, 1)));
    await step('walls between the parts', () => checkWalls(compose));
    await step('another purchase, while a replica goes', replicaGoes);
    await step('its history', () => eventually(HISTORY_TIMEOUT_MS, () => checkHistory(ports, 2)));
  };
  try {
    await Promise.race([work(), interrupted]);
  } catch (error) {
    for (const words of [
      ['ps', '--all'],
      ['logs', '--no-color', '--tail', '20'],
    ]) {
      console.error(await compose.run(words).catch(String));
    }
    throw error;
  } finally {
    ended.abort();
    await step('everything removed', () => compose.run(['down', '--volumes', '--timeout', '10']));
  }
  console.log('The stack of docker-compose.yml works.');
  return 0;
});
