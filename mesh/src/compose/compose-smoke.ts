import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { runScript } from '../failure.ts';
import { pickFreePorts } from '../ports.ts';
import { listenForInterruption } from '../run/interruption.ts';
import { step } from '../run/progress.ts';
import { type Compose, openCompose } from './docker-compose.ts';
import { buy, type Call, checkNotifications } from './smoke-person.ts';

/**
 * `make compose-smoke`: starts docker-compose.yml with two replicas of loms, checkout and accounts, on a port of its own; two
 * people register, buy, pay and read their notifications by the gateway; checks the isolation between the parts; removes
 * everything. EVENTS=rpc: without Kafka.
 */
/** Events take part in the first rebalance of a new group of consumers. */
const NOTIFICATIONS_TIMEOUT_MS = 60_000;
/** The first calls of new processes may exceed their deadlines, and a stopped replica must be detected. */
const PURCHASE_TIMEOUT_MS = 30_000;
const POLL_INTERVAL_MS = 250;

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
  const ask = `fetch('http://loms:8081/listOrder', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"orderID":1}' })
    .then((response) => response.json()).then(({ error }) => console.log(error?.code))`;
  assert.equal(
    await inContainer(compose, 'gateway', ask),
    'unauthenticated',
    'loms has to refuse a call without a token',
  );
}

await runScript(async () => {
  const interrupted = listenForInterruption().then((interruption) => Promise.reject(interruption));
  const [port = 0] = await pickFreePorts(1);
  const compose = await openCompose({
    GATEWAY_PORT: String(port),
    COMPOSE_PROJECT_NAME: `order-mesh-smoke-${process.pid}`,
    COMPOSE_PROFILES: '',
  });
  const replicas = ['loms', 'checkout', 'accounts'].flatMap((service) => ['--scale', `${service}=2`]);
  const replicaGoes = async (): Promise<Call> => {
    await inContainer(compose, 'loms', 'process.kill(1)');
    return eventually(PURCHASE_TIMEOUT_MS, () => buy(port, 'ben'));
  };
  const ended = new AbortController();
  const work = async (): Promise<void> => {
    const up = ['up', '--build', '--wait', ...replicas];
    await step('image and containers', () => compose.run(up, ended.signal));
    const anna = await step('a purchase, paid', () => eventually(PURCHASE_TIMEOUT_MS, () => buy(port, 'anna')));
    const showsAll = (call: Call) => eventually(NOTIFICATIONS_TIMEOUT_MS, () => checkNotifications(call));
    await step('its notifications', () => showsAll(anna));
    await step('walls between the parts', () => checkWalls(compose));
    const ben = await step('another purchase, while a replica goes', replicaGoes);
    await step('its notifications', () => showsAll(ben));
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
