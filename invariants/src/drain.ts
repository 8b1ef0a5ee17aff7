import { setTimeout as pause } from 'node:timers/promises';
import { type DatabaseUrls, openSnapshot, type Snapshot } from './snapshot.ts';
import { createStockWatcher, type StockWatch, type StockWatcher } from './stock-watch.ts';

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

/** What waits in loms, and the rules that are broken when it goes on waiting. */
const LOMS_QUEUES = [
  { what: 'undelivered events (E2, E4, E5)', sql: 'SELECT count(*) FROM outbox WHERE delivered_at IS NULL' },
  { what: 'new orders (O4)', sql: `SELECT count(*) FROM orders WHERE status = 'new'` },
  {
    what: 'orders that await payment beyond their time (O4)',
    sql: 'SELECT count(*) FROM orders WHERE payment_due_at < clock_timestamp()',
  },
];

/** The databases are looked at one after the other, within this time: an order that is cancelled meanwhile would look invented. */
const LOOK_MAX_S = 5;
const ABOUT_TO_END = `
  SELECT count(*) FROM orders WHERE payment_due_at < clock_timestamp() + ${LOOK_MAX_S} * interval '1 second'`;

/**
 * Waits, but not for ever, until nothing is under way: what is open then would break rules that hold later. Nor is anything
 * to begin by itself while the rules are looked at; but where orders come to their end all the time, that is none of what is left.
 */
export async function drained(urls: DatabaseUrls, { timeoutMs, signal, onProgress }: DrainOptions): Promise<Drain> {
  const watcher = urls.loms === undefined ? undefined : createStockWatcher();
  const waitedUntil = performance.now() + timeoutMs;
  let saidAt = performance.now();
  for (;;) {
    signal?.throwIfAborted();
    const { left, aboutToEnd } = await whatIsLeft(urls, watcher);
    const isAtRest = left === '' && aboutToEnd === 0n;
    if (isAtRest || performance.now() >= waitedUntil) return { left, stockWatch: watcher };
    if (performance.now() - saidAt >= PROGRESS_MS) {
      saidAt = performance.now();
      onProgress?.(left || `orders whose time to pay is about to end: ${aboutToEnd}`);
    }
    await pause(POLL_MS, undefined, { signal });
  }
}

async function whatIsLeft(urls: DatabaseUrls, watcher: StockWatcher | undefined) {
  const left: string[] = [];
  let aboutToEnd = 0n;
  const add = (what: string, count: bigint): void => void (count > 0n && left.push(`${what}: ${count}`));
  let changes = 0n;
  if (urls.loms !== undefined) {
    await using loms = await openSnapshot(urls.loms);
    await watcher?.look(loms.query);
    for (const { what, sql } of LOMS_QUEUES) add(what, await countOf(loms, sql));
    aboutToEnd = await countOf(loms, ABOUT_TO_END);
    changes = await countOf(loms, 'SELECT count(*) FROM order_status_history');
  }
  if (urls.checkout !== undefined) {
    await using checkout = await openSnapshot(urls.checkout);
    add('pending purchases (P3)', await countOf(checkout, `SELECT count(*) FROM purchases WHERE state = 'pending'`));
  }
  if (urls.notifications !== undefined) {
    // Told afterwards: an event that has left loms may be on its way still.
    await using notifications = await openSnapshot(urls.notifications);
    add('changes not told (E2)', changes - (await countOf(notifications, 'SELECT count(*) FROM notifications')));
    const undelivered = 'SELECT count(*) FROM deliveries WHERE dead_at IS NULL';
    add('notifications not delivered (E2)', await countOf(notifications, undelivered));
  }
  return { left: left.join(', '), aboutToEnd };
}

async function countOf({ query }: Snapshot, sql: string): Promise<bigint> {
  const [row] = await query(sql);
  return row?.count as bigint;
}
