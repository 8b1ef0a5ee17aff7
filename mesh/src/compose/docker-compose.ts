import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { describeWrong } from 'rpc-kit/urls';
import { describeWhole, parseWhole } from 'rpc-kit/whole-number';
import { Failure } from '../failure.ts';
import { PROJECT_DIRECTORY } from '../mesh-config.ts';
import { DATABASES } from '../services.ts';

/** The containers of docker-compose.yml. */
export type Compose = {
  /** Runs `docker compose …` to its end and answers its standard output. */
  run(words: readonly string[], signal?: AbortSignal): Promise<string>;
  /** The same with this terminal for its output. */
  spawn(words: readonly string[]): ChildProcess;
};

/** Stops the containers of all profiles, monitoring included. */
export const STOP = ['--profile', '*', 'stop'] as const;

/** A limit against hanging: building and pulling the images takes minutes on a slow line. */
const TIMEOUT_MS = 1_800_000;
/** The reason of a failure is in its last lines. */
const LINES_SHOWN = 15;

/**
 * @param variables of docker-compose.yml, added to the environment
 * @throws {Failure} with one sentence where Docker, its engine or Compose is missing
 */
export async function openCompose(variables: NodeJS.ProcessEnv = {}): Promise<Compose> {
  const environment: NodeJS.ProcessEnv = { COMPOSE_ANSI: 'never', ...process.env, ...variables };
  refuseWrongPorts(environment);
  await refuseWithoutDocker(environment);
  const words = ['compose', ...composeFiles(environment)];
  return {
    run: (more, signal) => runDocker([...words, ...more], environment, signal),
    // A process group of its own: Ctrl-C reaches this process only, which stops the containers.
    spawn: (more) =>
      spawn('docker', [...words, ...more], {
        cwd: PROJECT_DIRECTORY,
        env: environment,
        detached: true,
        stdio: ['ignore', 'inherit', 'inherit'],
      }),
  };
}

/** By default order events go through Kafka, unlike without Docker: docker-compose.yml has three brokers. */
export function composeFiles({ EVENTS, CALLS }: NodeJS.ProcessEnv): string[] {
  const events = readChoice('EVENTS', EVENTS, ['kafka', 'rpc']);
  const calls = readChoice('CALLS', CALLS, ['json', 'grpc']);
  const added = [
    ...(events === 'rpc' ? ['docker-compose.rpc.yml'] : []),
    ...(calls === 'grpc' ? ['docker-compose.grpc.yml'] : []),
  ];
  // Without these words, Compose itself finds docker-compose.yml, and the files that COMPOSE_FILE names.
  return added.length === 0 ? [] : ['docker-compose.yml', ...added].flatMap((file) => ['--file', file]);
}

function readChoice(variable: string, text = '', choices: readonly [string, string]): string {
  const chosen = text === '' ? choices[0] : choices.find((choice) => choice === text);
  if (chosen === undefined) throw new Failure(`${variable} ${describeWrong(text, choices.join(' or '))}.`);
  return chosen;
}

/** The ports that docker-compose.yml and docker-compose.ports.yml publish. Compose itself reports a wrong one as an error of its parser. */
export const COMPOSE_PORTS = [
  'GATEWAY',
  'ACCOUNTS',
  'CHECKOUT',
  'LOMS',
  'NOTIFICATIONS',
  'PRODUCTS',
  'GRAFANA',
  'PROMETHEUS',
  'ALERTMANAGER',
  'JAEGER',
  ...DATABASES.map((service) => `${service.toUpperCase()}_GRPC`),
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
