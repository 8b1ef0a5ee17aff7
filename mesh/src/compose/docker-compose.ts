import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { describeWrong } from 'rpc-kit/urls';
import { describeWhole, parseWhole } from 'rpc-kit/whole-number';
import { Failure } from '../failure.ts';
import { PROJECT_DIRECTORY } from '../mesh-config.ts';

/** The containers of docker-compose.yml. */
export type Compose = {
  /** Runs `docker compose …` to its end and answers what it wrote on standard output. */
  run(words: readonly string[], signal?: AbortSignal): Promise<string>;
  /** The same with this terminal for its output. */
  spawn(words: readonly string[]): ChildProcess;
};

/** Stops the containers. Watchers too, whether or not this call speaks of them. */
export const STOP = ['--profile', '*', 'stop'] as const;

/** Building the image and fetching those of others takes minutes on a slow line; longer than this it hangs. */
const TIMEOUT_MS = 1_800_000;
/** Enough to hold the reason, in the output of a failure. */
const LINES_SHOWN = 15;

/**
 * @param variables what docker-compose.yml reads, on top of the environment
 * @throws {Failure} with one sentence where Docker, its engine or Compose is missing
 */
export async function openCompose(variables: NodeJS.ProcessEnv = {}): Promise<Compose> {
  const environment: NodeJS.ProcessEnv = { COMPOSE_ANSI: 'never', ...process.env, ...variables };
  refuseWrongPorts(environment);
  await refuseWithoutDocker(environment);
  const words = ['compose', ...composeFiles(environment.EVENTS)];
  return {
    run: (more, signal) => runDocker([...words, ...more], environment, signal),
    // A group of its own: Ctrl-C is for this process, which knows what to do in which order.
    spawn: (more) =>
      spawn('docker', [...words, ...more], {
        cwd: PROJECT_DIRECTORY,
        env: environment,
        detached: true,
        stdio: ['ignore', 'inherit', 'inherit'],
      }),
  };
}

/** Unlike without Docker, order events travel through Kafka unless something else is said: three brokers come with the file. */
function composeFiles(events = ''): string[] {
  if (events === '' || events === 'kafka') return [];
  if (events === 'rpc') return ['--file', 'docker-compose.yml', '--file', 'docker-compose.rpc.yml'];
  throw new Failure(`EVENTS ${describeWrong(events, 'kafka or rpc')}.`);
}

/** What docker-compose.yml publishes on this host. Compose itself answers a wrong one in the words of its parser. */
export const COMPOSE_PORTS = [
  'CHECKOUT',
  'LOMS',
  'NOTIFICATIONS',
  'PRODUCTS',
  'GRAFANA',
  'PROMETHEUS',
  'ALERTMANAGER',
  'JAEGER',
].map((name) => `${name}_PORT`);
const PORT_RANGE = { min: 1, max: 65_535 };

export function refuseWrongPorts(environment: NodeJS.ProcessEnv): void {
  const mistakes = COMPOSE_PORTS.flatMap((variable) => {
    const text = environment[variable] ?? '';
    if (text === '' || parseWhole(text, PORT_RANGE) !== undefined) return [];
    return `${variable} ${describeWrong(text, describeWhole(PORT_RANGE))}.`;
  });
  if (mistakes.length > 0) throw new Failure(mistakes.join(' '));
}

async function refuseWithoutDocker(environment: NodeJS.ProcessEnv): Promise<void> {
  await runDocker(['version', '--format', '{{.Server.Version}}'], environment).catch((error: Error) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new Failure(
        'Docker is not installed: see https://docs.docker.com/get-docker, or call make run-all without STACK.',
      );
    }
    const reason = error.message.trim().split('\n').at(-1);
    throw new Failure(`No Docker engine answers: start it, then call again. Docker says: ${reason}`);
  });
  await runDocker(['compose', 'version'], environment).catch(() => {
    throw new Failure('Docker has no Compose plugin: see https://docs.docker.com/compose/install.');
  });
}

async function runDocker(words: readonly string[], env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<string> {
  const child = spawn('docker', words, {
    cwd: PROJECT_DIRECTORY,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
    ...(signal && { signal }),
  });
  let output = '';
  let everything = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    everything += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    everything += text;
  });
  const [code, killedBy] = await once(child, 'close');
  if (code === 0) return output;
  const end = everything.trim().split('\n').slice(-LINES_SHOWN).join('\n');
  throw new Failure(`docker ${words.join(' ')} failed (${killedBy ?? `exit code ${code}`}):\n${end}`);
}
