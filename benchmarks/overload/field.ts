import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type Database, openDatabase } from 'service-kit';
import { createTestDatabase } from 'testing';
import { pickCores } from '../harness/cores.ts';
import { cpuOf, cpuOfPostgres, postmasterOf } from '../harness/cpu-time.ts';
import { type BenchProcess, startProcess } from '../harness/process.ts';
import { type ServiceProcess, startService } from '../harness/service-process.ts';
import { supplyText } from '../loms/scenario.ts';

const exec = promisify(execFile);

export interface Field {
  /** loms and Postgres share one core; the generator and the receiver of the events have the others. */
  readonly pinned: boolean;
  readonly load: BenchProcess;
  /** A server that refuses all calls, and a bare one. */
  readonly refusing: BenchProcess;
  /** A new process of loms on the same database. */
  startLoms(stack: AsyncDisposableStack): Promise<MeasuredLoms>;
}

export interface MeasuredLoms {
  readonly port: number;
  /** Microseconds of CPU that loms has used, and Postgres. */
  cpu(): { readonly loms: number; readonly postgres: number };
}

export async function openField(stack: AsyncDisposableStack, folder: string): Promise<Field> {
  const { directUrl } = stack.use(await createTestDatabase('loms'));
  const database = stack.use(openQuietly(directUrl));
  await database.query(supplyText());
  const [row] = await database.query('SELECT pg_backend_pid() AS pid');
  const postmaster = postmasterOf(Number(row?.pid));
  const cores = pickCores();
  await pin(cores?.measured, [postmaster, ...childrenOf(postmaster)]);
  const load = stack.use(startProcess(new URL('load.ts', import.meta.url)));
  const notifications = stack.use(startProcess(new URL('../loms/notifications-server.ts', import.meta.url)));
  const refusing = stack.use(startProcess(new URL('refusing-server.ts', import.meta.url)));
  const notificationsPort = await notifications.ask<number>('port');
  await pin(cores?.others, [load.pid, notifications.pid]);
  await pin(cores?.measured, [refusing.pid]);
  return {
    pinned: cores !== undefined,
    load,
    refusing,
    async startLoms(own) {
      const loms = own.use(
        await startService({
          service: 'loms',
          folder,
          environment: { DATABASE_URL: directUrl, NOTIFICATIONS_URL: `http://127.0.0.1:${notificationsPort}` },
        }),
      );
      await pin(cores?.measured, [loms.pid]);
      return measured(loms, postmaster);
    },
  };
}

function measured({ port, pid }: ServiceProcess, postmaster: number): MeasuredLoms {
  return {
    port,
    cpu: () => ({ loms: cpuOf(pid), postgres: cpuOfPostgres(postmaster) }),
  };
}

function openQuietly(url: string): Database {
  return openDatabase({ url, poolMax: 1, logger: pino({ level: 'silent' }), registry: new Registry() });
}

/** All threads of the processes, and the processes that they start from now on. */
async function pin(cores: string | undefined, pids: readonly number[]): Promise<void> {
  if (cores === undefined) return;
  await Promise.all(pids.map((pid) => exec('taskset', ['--all-tasks', '--cpu-list', '--pid', cores, String(pid)])));
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && parentOf(pid) === parent);
}

function parentOf(pid: number): number {
  try {
    return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return Number.NaN;
  }
}
