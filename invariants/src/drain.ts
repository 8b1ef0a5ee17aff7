import { setTimeout as pause } from 'node:timers/promises';
import type { DatabaseUrls } from './open-sources.ts';
import { openSnapshot } from './snapshot.ts';
import { createStockWatcher, type StockWatch } from './stock-watch.ts';

export interface DrainOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Told every few seconds what there is still to wait for. */
  readonly onProgress?: (left: string) => void;
}

export interface Drain {
  /** What is still under way, e.g. `undelivered events (E2, E4, E5): 3`; empty when all queues have drained. */
  readonly left: string;
  /** What was seen of the stock meanwhile. */
  readonly stockWatch: StockWatch | undefined;
}

const POLL_MS = 250;
const PROGRESS_MS = 3_000;

interface Queue {
  readonly service: 'loms' | 'checkout';
  /** What waits, and the rules that are broken when it goes on waiting. */
  readonly what: string;
  readonly sql: string;
}

const QUEUES: readonly Queue[] = [
  {
    service: 'loms',
    what: 'undelivered events (E2, E4, E5)',
    sql: 'SELECT count(*) FROM outbox WHERE delivered_at IS NULL',
  },
  { service: 'loms', what: 'new orders (O4)', sql: `SELECT count(*) FROM orders WHERE status = 'new'` },
  {
    service: 'loms',
    what: 'orders that await payment beyond their time (O4)',
    sql: 'SELECT count(*) FROM orders WHERE payment_due_at < clock_timestamp()',
  },
  {
    service: 'checkout',
    what: 'pending purchases (P3)',
    sql: `SELECT count(*) FROM purchases WHERE state = 'pending'`,
  },
];

/** Waits, but not for ever, until nothing is under way: what is open then would break rules that hold later. */
export async function drained(urls: DatabaseUrls, { timeoutMs, signal, onProgress }: DrainOptions): Promise<Drain> {
  const watcher = urls.loms === undefined ? undefined : createStockWatcher();
  const waitedUntil = performance.now() + timeoutMs;
  let saidAt = performance.now();
  for (;;) {
    signal?.throwIfAborted();
    const left = await whatIsLeft(urls, watcher);
    if (left === '' || performance.now() >= waitedUntil) return { left, stockWatch: watcher };
    if (performance.now() - saidAt >= PROGRESS_MS) {
      saidAt = performance.now();
      onProgress?.(left);
    }
    await pause(POLL_MS, undefined, { signal });
  }
}

async function whatIsLeft(urls: DatabaseUrls, watcher: ReturnType<typeof createStockWatcher> | undefined) {
  const left: string[] = [];
  for (const service of ['loms', 'checkout'] as const) {
    const url = urls[service];
    if (url === undefined) continue;
    await using snapshot = await openSnapshot(url);
    if (service === 'loms') await watcher?.look(snapshot.query);
    for (const { what, sql } of QUEUES.filter((queue) => queue.service === service)) {
      const [row] = await snapshot.query(sql);
      if (row?.count !== 0n) left.push(`${what}: ${row?.count}`);
    }
  }
  return left.join(', ');
}
