import { LRUCache } from 'lru-cache';
import { Counter, type Registry } from 'prom-client';
import type { Notification } from '../domain/ports.ts';
import type { History, Period, Position } from './history.ts';

export interface HistoryCacheOptions {
  /** Notifications that another replica stored may be missing for so long. 0 reads the database each time. */
  readonly maxAgeMs: number;
  /** In the pages of all users together; an empty page counts as one. */
  readonly notificationsMax: number;
  readonly onRead?: (isHit: boolean) => void;
}

export interface HistoryCache extends History {
  /** To be called after a notification of the user was stored. */
  forget(user: bigint): void;
}

interface Page {
  readonly notifications: Notification[];
  readonly readAt: number;
}

/** Caches pages of history. The next read shows what this process has stored. */
export function cacheHistory(
  history: History,
  { maxAgeMs, notificationsMax, onRead }: HistoryCacheOptions,
): HistoryCache {
  /** The user read longest ago is evicted first. */
  const pages = new LRUCache<bigint, ReadonlyMap<string, Page>>({
    maxSize: notificationsMax,
    sizeCalculation: (kept) =>
      [...kept.values()].reduce((sum, page) => sum + Math.max(page.notifications.length, 1), 0),
  });
  /** Users with a read in flight. `forget` removes them, so a page read before a write is not cached. */
  const reading = new Map<bigint, symbol>();

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
        if (maxAgeMs > 0 && reading.get(user) === turn) {
          pages.set(user, new Map(pages.get(user)).set(key, { notifications, readAt: askedAt }));
        }
        return notifications;
      } finally {
        if (reading.get(user) === turn) reading.delete(user);
      }
    },
    forget(user) {
      pages.delete(user);
      reading.delete(user);
    },
  };
}

function keyOf({ from, to }: Period, countMax: number, after: Position | undefined): string {
  const position = after ? [after.at.getTime(), after.orderID, after.seq] : [];
  return [from?.getTime() ?? '', to?.getTime() ?? '', countMax, ...position].join(' ');
}

/** For `onRead`. */
export function countHistoryReads(registry: Registry): (isHit: boolean) => void {
  const reads = new Counter({
    name: 'notifications_history_reads_total',
    help: 'Pages of history, by source: the cache or the database.',
    labelNames: ['source'],
    registers: [registry],
  });
  return (isHit) => reads.inc({ source: isHit ? 'cache' : 'database' });
}
