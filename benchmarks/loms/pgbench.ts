import { execFile, spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Sample } from '../harness/closed-loop.ts';
import { percentile } from '../harness/figure.ts';

const exec = promisify(execFile);
/** Longer than pgbench needs to start and stop. */
const GRACE_MS = 20_000;

/** The program in `PGBENCH`, on PATH, or the newest one in Debian's folders. */
export function findPgbench(): string | undefined {
  const named = process.env.PGBENCH;
  const installed = globSync('/usr/lib/postgresql/*/bin/pgbench').sort().reverse();
  const candidates = named ? [named] : ['pgbench', ...installed];
  const found = candidates.find((program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0);
  if (named && !found)
    throw new Error(`PGBENCH is ${named}, which does not run: set it to the path of a pgbench, or unset it.`);
  return found;
}

export interface PgbenchRun {
  readonly program: string;
  readonly url: string;
  readonly script: string;
  readonly connections: number;
  readonly seconds: number;
  /** For the script and the log of latencies. */
  readonly folder: string;
}

export interface PgbenchSample extends Sample {
  readonly cpuMicros: number;
}

/** The shell prints the CPU time of its children on the last line. */
const WITH_TIMES = '"$@"; code=$?; times >&2; exit $code';

/** Repeats the script. The protocol is `prepared`: loms keeps most of its statements prepared, too. */
export async function runPgbench({
  program,
  url,
  script,
  connections,
  seconds,
  folder,
}: PgbenchRun): Promise<PgbenchSample> {
  const own = await mkdtemp(join(folder, 'pgbench-'));
  try {
    const file = join(own, 'order.sql');
    await writeFile(file, script);
    const { hostname, port, username, password, pathname } = new URL(url);
    const address = ['--host', hostname, '--port', port, '--username', username, pathname.slice(1)];
    const how = ['--no-vacuum', '--protocol', 'prepared', '--client', String(connections), '--time', String(seconds)];
    const logged = ['--log', '--log-prefix', join(own, 'latency')];
    const words = [program, ...how, ...logged, '--file', file, ...address];
    const { stdout, stderr } = await exec('/bin/sh', ['-c', WITH_TIMES, 'sh', ...words], {
      env: { PATH: process.env.PATH, PGPASSWORD: decodeURIComponent(password) },
      timeout: seconds * 1_000 + GRACE_MS,
    });
    return { ...toSample(stdout, await readLatencies(own)), cpuMicros: toCpuMicros(stderr) };
  } finally {
    await rm(own, { recursive: true });
  }
}

/** `times` prints user and system time as minutes and seconds. */
function toCpuMicros(times: string): number {
  const [, ...parts] = /(\d+)m([\d.]+)s\s+(\d+)m([\d.]+)s\s*$/.exec(times) ?? [];
  const [userMinutes = Number.NaN, userSeconds = 0, systemMinutes = 0, systemSeconds = 0] = parts.map(Number);
  return ((userMinutes + systemMinutes) * 60 + userSeconds + systemSeconds) * 1_000_000;
}

/** Each line of the log is one order: client, number, microseconds, and more. */
async function readLatencies(folder: string): Promise<Float64Array> {
  const files = (await readdir(folder)).filter((name) => name.startsWith('latency'));
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
  const lines = texts.flatMap((text) => text.split('\n').filter((line) => line !== ''));
  return Float64Array.from(lines, (line) => Number(line.split(' ')[2]) / 1_000).sort();
}

function toSample(printed: string, latencies: Float64Array): Sample {
  const perSecond = Number(/^tps = ([\d.]+)/m.exec(printed)?.[1]);
  const calls = Number(/actually processed: (\d+)/.exec(printed)?.[1]);
  const failures = Number(/failed transactions: (\d+)/.exec(printed)?.[1] ?? 0);
  if (!(perSecond > 0)) throw new Error(`pgbench printed no tps: ${printed}`);
  return {
    calls,
    seconds: calls / perSecond,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    callsAll: calls,
    failures,
  };
}
