import { Counter, type Registry } from 'prom-client';
import type { History, Notification, Period, Position } from '../domain/ports.ts';

export interface HistoryCacheOptions {
  /** How long notifications that another replica stored may be missing. 0 asks the database each time. */
  readonly maxAgeMs: number;
  /** Pages kept, of all users together. */
  readonly pagesMax: number;
  readonly onRead?: (isHit: boolean) => void;
}

export interface HistoryCache extends History {
  /** To be called when a notification of the user has been stored. */
  forget(user: bigint): void;
}

interface Page {
  readonly notifications: Notification[];
  readonly readAt: number;
}

/** Keeps pages of history for a moment. What this process stores itself is in the next page that is read. */
export function cacheHistory(history: History, { maxAgeMs, pagesMax, onRead }: HistoryCacheOptions): HistoryCache {
  const pages = new Map<bigint, Map<string, Page>>();
  /** Of users who are being read: forgetting removes them, and what was read before that is not kept. */
  const reading = new Map<bigint, symbol>();
  let count = 0;

  function drop(user: bigint): void {
    count -= pages.get(user)?.size ?? 0;
    pages.delete(user);
  }

  function keep(user: bigint, key: string, page: Page): void {
    const own = pages.get(user) ?? new Map<string, Page>();
    if (!own.has(key)) count += 1;
    own.set(key, page);
    // Deleted first, so that the order of the map is that of the reading, and the user read longest ago comes first.
    pages.delete(user);
    pages.set(user, own);
    while (count > pagesMax) drop(pages.keys().next().value as bigint);
  }

  return {
    async read(period, countMax, after, context) {
      const { user } = period;
      const key = keyOf(period, countMax, after);
      const askedAt = performance.now();
      const kept = pages.get(user)?.get(key);
      const isHit = kept !== undefined && askedAt - kept.readAt < maxAgeMs;
      onRead?.(isHit);
      if (isHit) return kept.notifications;
      const turn = reading.get(user) ?? Symbol();
      reading.set(user, turn);
      try {
        const notifications = await history.read(period, countMax, after, context);
        if (maxAgeMs > 0 && reading.get(user) === turn) keep(user, key, { notifications, readAt: askedAt });
        return notifications;
      } finally {
        if (reading.get(user) === turn) reading.delete(user);
      }
    },
    forget(user) {
      drop(user);
      reading.delete(user);
    },
  };
}

function keyOf({ from, to }: Period, countMax: number, after: Position | undefined): string {
  const place = after ? [after.at.getTime(), after.orderID, after.seq] : [];
  return [from?.getTime() ?? '', to?.getTime() ?? '', countMax, ...place].join(' ');
}

/** For `onRead`. */
export function countHistoryReads(registry: Registry): (isHit: boolean) => void {
  const reads = new Counter({
    name: 'notifications_history_reads_total',
    help: 'Pages of history, by where they came from: the cache or the database.',
    labelNames: ['source'],
    registers: [registry],
  });
  return (isHit) => reads.inc({ source: isHit ? 'cache' : 'database' });
}
