import { setTimeout as sleep } from 'node:timers/promises';
import { startProcess } from 'benchmarks/process';
import { deliver } from './deliver.ts';
import { judge } from './judge.ts';
import { createShot, type Shot } from './shot.ts';

export interface FuzzOptions {
  /** At least so many; the last connection may bring a few more. */
  readonly requests: number;
  readonly seed: number;
  /** Told now and then how many have been sent. */
  readonly onProgress?: (sent: number, perSecond: number) => void;
}

export interface FuzzReport {
  readonly requests: number;
  readonly connections: number;
  /** Answers by status. Requests that were cut short, or came after one that was, have none. */
  readonly byStatus: ReadonlyMap<number, number>;
  readonly perSecond: number;
  /** Bytes in use after each eighth of the run, when everything that can be freed has been. */
  readonly heap: readonly number[];
}

/** Connections at a time. */
const CONCURRENCY = 64;
const PHASES = 8;
const PROGRESS_MS = 3_000;

/**
 * Fires mutated requests at a server in a process of its own.
 * @throws {Error} with the shot that was answered wrongly, or when the server ended
 */
export async function fuzz({ requests, seed, onProgress }: FuzzOptions): Promise<FuzzReport> {
  await using server = startProcess(new URL('server.ts', import.meta.url), [], ['--expose-gc']);
  const port = await server.ask<number>('port');
  const byStatus = new Map<number, number>();
  const heap: number[] = [];
  const startedAt = performance.now();
  let sent = 0;
  let connections = 0;

  const perSecond = () => Math.round((sent / (performance.now() - startedAt)) * 1_000);
  const worker = async (until: number): Promise<void> => {
    while (sent < until) {
      const index = connections++;
      const shot = createShot(seed, index);
      sent += shot.requests;
      for (const status of await fire(port, shot, `--seed ${seed}, shot ${index}`)) {
        byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
      }
    }
  };

  const progress = setInterval(() => onProgress?.(sent, perSecond()), PROGRESS_MS);
  try {
    for (let phase = 1; phase <= PHASES; phase++) {
      await Promise.all(Array.from({ length: CONCURRENCY }, () => worker((requests * phase) / PHASES)));
      // Its ends of the last connections are closed as well.
      await sleep(50);
      heap.push(await server.ask<number>('heap'));
    }
  } finally {
    clearInterval(progress);
  }
  return { requests: sent, connections, byStatus, perSecond: perSecond(), heap };
}

async function fire(port: number, shot: Shot, name: string): Promise<number[]> {
  try {
    return judge(await deliver(port, shot), shot);
  } catch (error) {
    const text = JSON.stringify(Buffer.concat(shot.parts).toString('latin1').slice(0, 2_000));
    throw new Error(`${name}: ${(error as Error).message}\n${text}`, { cause: error });
  }
}

/** What the heap may grow by from the first quarter to any point of the last: compiled code, and filled histograms. */
export const HEAP_GROWTH_MAX_BYTES = 4 * 1024 * 1024;

/** By how much the most of the last quarter is above what there was after the first. */
export function heapGrowth({ heap }: Pick<FuzzReport, 'heap'>): number {
  return Math.max(...heap.slice(-PHASES / 4)) - (heap[PHASES / 4 - 1] as number);
}
