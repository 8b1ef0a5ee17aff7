import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { createCluster, isClusterReady, SOCKET_FOLDER } from '../postgres/postgres-cluster.ts';
import { waitForPort } from '../run/ports.ts';
import type { FromKeeper, KeeperTask, PgbouncerInstance, PostgresTask, ToKeeper } from './keeper-protocol.ts';

/**
 * Owns Postgres and the pgbouncers, in a process of its own: it can run as another user than the runner, and when the
 * runner is killed it still stops what it owns in good order. It is told what to do over IPC, and stops on a message,
 * on SIGTERM, or when the channel to the runner is gone. Its output is the database's log.
 *
 * starting → running → stopping → gone; a Postgres that ends by itself moves it to stopping as well, a pgbouncer only when
 * it does so again and again.
 */
/** After a crash Postgres replays its write-ahead log first, of which there may be a gigabyte. */
const READY_TIMEOUT_MS = 60_000;
const READY_POLL_INTERVAL_MS = 15;
/** After a kill -9 the old server's last processes hold its shared memory for a moment, and a new one refuses to start. */
const START_ATTEMPTS_MAX = 4;
const START_PAUSE_MS = 500;
/** The services learn at the same moment that the runner is gone, and get this long to finish what they have begun. */
const ORPHANED_GRACE_MS = 700;

/**
 * Its releases up to 1.20 exit on rare orders of events (docs/decisions/0008-cancelling-statements.md), and it keeps no state: it
 * is started again as a system's service manager would. One that goes on exiting is of no use.
 */
const PGBOUNCER_RESTARTS_MAX = 10;

type StopStep = [signal: NodeJS.Signals, waitMs: number];
const STOP_INITDB: StopStep[] = [
  ['SIGTERM', 300],
  ['SIGKILL', 300],
];
/** pgbouncer keeps no state: there is nothing to wait for once the services are gone. */
const STOP_PGBOUNCER: StopStep[] = [
  ['SIGTERM', 400],
  ['SIGKILL', 300],
];
/** A fast shutdown writes a checkpoint; the immediate one after it costs a recovery at the next start and no data. */
const STOP_POSTGRES: StopStep[] = [
  ['SIGINT', 1_500],
  ['SIGQUIT', 500],
  ['SIGKILL', 300],
];

let stopping = false;
let creating: ChildProcess | undefined;
let postgres: ChildProcess | undefined;
const pgbouncers = new Set<ChildProcess>();

process.on('message', (message: ToKeeper) => {
  if (message.kind === 'stop') void stop();
  else void start(message.task).catch((error: Error) => fail(error.message));
});
process.on('disconnect', () => setTimeout(stop, ORPHANED_GRACE_MS));
process.on('SIGTERM', stop);
// Ctrl-C and a closed terminal are the runner's to answer.
process.on('SIGINT', () => {});
process.on('SIGHUP', () => {});

async function start(task: KeeperTask): Promise<void> {
  const { postgres: own, pgbouncers: inFront } = task;
  if (own !== undefined) await createOwnCluster(own);
  await Promise.all([own && startPostgres(own), startPgbouncers(inFront)]);
  if (!stopping) report({ kind: 'ready' });
}

async function createOwnCluster(options: PostgresTask): Promise<void> {
  await createCluster(options, (child) => {
    report({ kind: 'progress', text: 'creating the database cluster' });
    creating = child;
    announce('initdb', child);
  });
  creating = undefined;
}

async function startPostgres(options: PostgresTask): Promise<void> {
  for (let attempt = 1; !stopping; attempt += 1) {
    const child = spawnPostgres(options);
    if (await becomesReady(child, options.directory)) {
      postgres = child;
      child.once('exit', (code, signal) => fail(`Postgres stopped by itself (${signal ?? `exit code ${code}`}).`));
      return;
    }
    if (attempt === START_ATTEMPTS_MAX) throw new Error('Postgres did not start.');
    await sleep(START_PAUSE_MS);
  }
}

function spawnPostgres({ postgres: program, directory, host, port, settings }: PostgresTask): ChildProcess {
  const all = { port: String(port), listen_addresses: host, unix_socket_directories: SOCKET_FOLDER, ...settings };
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = spawn(program, ['-D', `${directory}/data`, ...flags], { stdio: ['ignore', 'inherit', 'inherit'] });
  // Known from the first moment, so that a stop during the start finds it.
  postgres = child;
  announce('postgres', child);
  return child;
}

async function becomesReady(child: ChildProcess, directory: string): Promise<boolean> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    if (isClusterReady(directory, child.pid)) return true;
    if (performance.now() > deadline) throw new Error(`Postgres was not ready after ${READY_TIMEOUT_MS / 1000} s.`);
    await sleep(READY_POLL_INTERVAL_MS);
  }
  return false;
}

async function startPgbouncers({ program, instances }: KeeperTask['pgbouncers']): Promise<void> {
  await Promise.all(instances.map((instance) => startPgbouncer(program, instance)));
}

async function startPgbouncer(program: string, instance: PgbouncerInstance, restarts = 0): Promise<void> {
  const { name, configFile, host, port } = instance;
  const child = spawn(program, [configFile], { stdio: ['ignore', 'inherit', 'inherit'] });
  pgbouncers.add(child);
  announce(name, child);
  // One that does not come up at all is configured wrongly.
  let hasListened = restarts > 0;
  child.once('exit', (code, signal) => {
    pgbouncers.delete(child);
    const sentence = `${name} stopped by itself (${signal ?? `exit code ${code}`})`;
    if (stopping) return;
    if (!hasListened || restarts >= PGBOUNCER_RESTARTS_MAX) {
      fail(`${sentence}.`);
      return;
    }
    report({ kind: 'progress', text: `${sentence} and is started again` });
    void startPgbouncer(program, instance, restarts + 1).catch((error: Error) => fail(error.message));
  });
  if (!(await waitForPort(host, port, READY_TIMEOUT_MS)) && !stopping) {
    throw new Error(`${name} did not listen on port ${port} within ${READY_TIMEOUT_MS / 1000} s.`);
  }
  hasListened = true;
}

async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  if (creating !== undefined) await endChild(creating, STOP_INITDB, killGroup);
  await Promise.all([...pgbouncers].map((child) => endChild(child, STOP_PGBOUNCER)));
  if (postgres !== undefined) await endChild(postgres, STOP_POSTGRES);
  process.exit();
}

/** initdb has children of its own that do not end with it; it leads a process group for that reason. */
function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid !== undefined) process.kill(-child.pid, signal);
}

const killOne = (child: ChildProcess, signal: NodeJS.Signals): unknown => child.kill(signal);

async function endChild(child: ChildProcess, steps: StopStep[], kill = killOne): Promise<void> {
  for (const [signal, waitMs] of steps) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    kill(child, signal);
    await Promise.race([gone, sleep(waitMs)]);
  }
}

function announce(name: string, child: ChildProcess): void {
  child.once('error', (error) => fail(`${name} could not be started: ${error.message}.`));
  if (child.pid !== undefined) report({ kind: 'spawned', name, pid: child.pid });
}

/** Says why, then stops the rest: half a database is of no use to anybody. */
function fail(message: string): void {
  if (stopping) return;
  process.exitCode = 1;
  report({ kind: 'failed', message });
  void stop();
}

function report(message: FromKeeper): void {
  // The callback takes the error of a channel that breaks just now, which would end this process in the middle of it all.
  if (process.connected) process.send?.(message, () => {});
}
