import { once } from 'node:events';
import { Failure, runScript } from '../failure.ts';
import { DEFAULT_PORTS } from '../mesh-config.ts';
import { Interruption, listenForInterruption } from '../run/interruption.ts';
import { seconds, step } from '../run/progress.ts';
import { SERVICES } from '../services.ts';
import { type Compose, openCompose, STOP } from './docker-compose.ts';

/**
 * `make run-all STACK=compose`: runs the mesh in containers until Ctrl-C or `make stop`, which keep their data;
 * `make clean-data STACK=compose` removes containers and data.
 */
const commands: Record<string, () => Promise<void>> = {
  run,
  async clean() {
    const compose = await openCompose();
    await step('containers, networks and volumes removed', () => compose.run(['--profile', '*', 'down', '--volumes']));
  },
};

/** The containers whose logs are shown; `docker compose logs <name>` shows the others'. */
const SHOWN = [...SERVICES];

async function run(): Promise<void> {
  const beganAt = performance.now();
  const interrupted = listenForInterruption();
  const compose = await openCompose();
  console.log('Starting the order mesh in containers.');
  try {
    const ended = new AbortController();
    const upped = step('image and containers', () => compose.run(['up', '--build', '--wait'], ended.signal));
    await Promise.race([
      upped.catch(explain),
      interrupted.then((interruption) => Promise.reject(interruption)),
    ]).finally(() => ended.abort());
    console.log(`The mesh is ready after ${seconds(beganAt)}.\n${describe()}`);
    await showLogs(compose, interrupted);
  } catch (error) {
    if (!(error instanceof Interruption)) throw error;
    await step('stop', () => compose.run(STOP));
    console.log(`The mesh is stopped; that took ${seconds(error.at)}. Its data is kept.`);
  }
}

async function showLogs(compose: Compose, interrupted: Promise<Interruption>): Promise<never> {
  const logs = compose.spawn(['logs', '--follow', '--tail', '0', ...SHOWN]);
  const stopped = once(logs, 'exit');
  try {
    // The logs end when the last container stops, by make stop.
    return await Promise.race([
      interrupted.then((interruption) => Promise.reject(interruption)),
      stopped.then(() => Promise.reject(new Interruption('the containers stopped'))),
    ]);
  } finally {
    // At once, so that it prints nothing about its end.
    logs.kill('SIGKILL');
  }
}

function explain(error: Error): never {
  throw new Failure(
    `${error.message}\nThe containers still run: see docker compose ps -a and docker compose logs <name>. make stop stops them.`,
  );
}

function describe(): string {
  const address = `http://localhost:${process.env.GATEWAY_PORT || DEFAULT_PORTS.gateway}`;
  return `\n  gateway   ${address}   ${address}/docs\n\nCtrl-C stops the containers and keeps their data; make clean-data STACK=compose removes both.\n`;
}

await runScript(async () => {
  const command = commands[process.argv[2] ?? ''];
  if (command === undefined) throw new Failure('Usage: node mesh/src/compose/run-compose.ts run|clean.');
  await command();
  return 0;
});
