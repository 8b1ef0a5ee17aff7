import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Owns a Kafka broker, as keeper.ts owns Postgres: a JVM does not notice that whoever started it is gone, and this process
 * does. It is told what to run by its arguments and stops on SIGTERM, or when the channel to its starter is gone.
 */
export type KafkaTask = {
  java: string[];
  classPath: string;
  configFile: string;
  clusterID: string;
  /** More words for the format of the storage. */
  format: string[];
};
export type FromKafkaKeeper = { kind: 'spawned'; pid: number } | { kind: 'ready' };

/** What Kafka says when it is ready. */
const READY = 'Kafka Server started';
/** Services learn at the same moment that their starter is gone, and get this long to finish what they have begun. */
const ORPHANED_GRACE_MS = 700;
/** What was acknowledged is in the system's hands: a killed broker loses none of it and recovers at its next start. */
const STOP_TIMEOUT_MS = 2_500;

const { java, classPath, configFile, clusterID, format } = JSON.parse(process.argv[2] ?? '') as KafkaTask;
let broker: ChildProcess | undefined;
let stopping = false;

process.on('disconnect', () => setTimeout(stop, ORPHANED_GRACE_MS));
process.on('SIGTERM', stop);
// Ctrl-C and a closed terminal are the starter's to answer.
process.on('SIGINT', () => {});
process.on('SIGHUP', () => {});

const formatted = run('kafka.tools.StorageTool', [
  'format',
  '--cluster-id',
  clusterID,
  '--config',
  configFile,
  '--ignore-formatted',
  ...format,
]);
const [code] = await once(formatted, 'exit');
if (code !== 0) process.exit(1);
if (!stopping) {
  broker = run('kafka.Kafka', [configFile]);
  broker.once('exit', (exitCode) => process.exit(stopping ? 0 : (exitCode ?? 1)));
}

function run(main: string, words: string[]): ChildProcess {
  const child = spawn('java', [...java, '-cp', classPath, main, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
  child.once('error', (error) => {
    console.error(`ERROR: ${error.message}`);
    process.exit(1);
  });
  if (child.pid !== undefined) tell({ kind: 'spawned', pid: child.pid });
  createInterface({ input: child.stdout }).on('line', (line) => {
    console.log(line);
    if (line.includes(READY)) tell({ kind: 'ready' });
  });
  return child;
}

async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  formatted.kill('SIGKILL');
  if (!broker || broker.exitCode !== null || broker.signalCode !== null) process.exit();
  broker.kill('SIGTERM');
  await sleep(STOP_TIMEOUT_MS);
  broker.kill('SIGKILL');
}

function tell(message: FromKafkaKeeper): void {
  if (process.connected) process.send?.(message, () => {});
}
