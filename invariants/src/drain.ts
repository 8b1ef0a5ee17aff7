import { setTimeout as pause } from 'node:timers/promises';
import { type DatabaseUrls, openSnapshot, type Snapshot } from './snapshot.ts';
import { createStockWatcher, type StockWatch, type StockWatcher } from './stock-watch.ts';

export interface DrainOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Called every few seconds with the work that is left. */
  readonly onProgress?: (left: string) => void;
}

export interface Drain {
  /** The work that is left, e.g. `undelivered events (E2, E4, E5): 3`; empty when all queues have drained. */
  readonly left: string;
  /** The checks of the stock meanwhile. */
  readonly stockWatch: StockWatch | undefined;
}

const POLL_MS = 250;
const PROGRESS_MS = 3_000;

/** The queues of loms, and the rules that are broken while they are not empty. */
const LOMS_QUEUES = [
  { what: 'undelivered events (E2, E4, E5)', sql: 'SELECT count(*) FROM outbox WHERE delivered_at IS NULL' },
  { what: 'new orders (O4)', sql: `SELECT count(*) FROM orders WHERE status = 'new'` },
  {
    what: 'overdue orders (O4)',
    sql: 'SELECT count(*) FROM orders WHERE payment_due_at < clock_timestamp()',
  },
];

/** The databases are read one after the other, within this time: an order that expires meanwhile would be reported as invented. */
const READ_MAX_S = 5;
const ABOUT_TO_EXPIRE = `
  SELECT count(*) FROM orders WHERE payment_due_at < clock_timestamp() + ${READ_MAX_S} * interval '1 second'`;

/**
 * Waits until the queues are empty, at most for the timeout: open work would break rules that hold later. It also waits
 * until no order is about to expire during the check; where orders expire all the time, that does not count as left.
 */
export async function drained(urls: DatabaseUrls, { timeoutMs, signal, onProgress }: DrainOptions): Promise<Drain> {
  const watcher = urls.loms === undefined ? undefined : createStockWatcher();
  const waitedUntil = performance.now() + timeoutMs;
  let reportedAt = performance.now();
  for (;;) {
    signal?.throwIfAborted();
    const { left, aboutToExpire } = await readQueues(urls, watcher);
    const isDrained = left === '' && aboutToExpire === 0n;
    if (isDrained || performance.now() >= waitedUntil) return { left, stockWatch: watcher };
    if (performance.now() - reportedAt >= PROGRESS_MS) {
      reportedAt = performance.now();
      onProgress?.(left || `orders about to expire: ${aboutToExpire}`);
    }
    await pause(POLL_MS, undefined, { signal });
  }
}

async function readQueues(urls: DatabaseUrls, watcher: StockWatcher | undefined) {
  const left: string[] = [];
  let aboutToExpire = 0n;
  const add = (what: string, count: bigint): void => void (count > 0n && left.push(`${what}: ${count}`));
  let changes = 0n;
  if (urls.loms !== undefined) {
    await using loms = await openSnapshot(urls.loms);
    await watcher?.take(loms.query);
    for (const { what, sql } of LOMS_QUEUES) add(what, await countOf(loms, sql));
    aboutToExpire = await countOf(loms, ABOUT_TO_EXPIRE);
    changes = await countOf(loms, 'SELECT count(*) FROM order_status_history');
  }
  if (urls.checkout !== undefined) {
    await using checkout = await openSnapshot(urls.checkout);
    add('pending purchases (P3)', await countOf(checkout, `SELECT count(*) FROM purchases WHERE state = 'pending'`));
  }
  if (urls.notifications !== undefined) {
    // Read after loms: an event that loms has delivered may still be in flight.
    await using notifications = await openSnapshot(urls.notifications);
    add(
      'status changes without a notification (E2)',
      changes - (await countOf(notifications, 'SELECT count(*) FROM notifications')),
    );
    const undelivered = 'SELECT count(*) FROM deliveries WHERE dead_at IS NULL';
    add('undelivered notifications (E2)', await countOf(notifications, undelivered));
  }
  return { left: left.join(', '), aboutToExpire };
}

async function countOf({ query }: Snapshot, sql: string): Promise<bigint> {
  const [row] = await query(sql);
  return row?.count as bigint;
}
