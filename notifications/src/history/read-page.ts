import type { Context, Notification } from '../domain/ports.ts';
import type { History, Period, Position } from './history.ts';

export interface PageRequest {
  /** The most notifications on the page. */
  readonly limit: number;
  /** The end of the page before. */
  readonly after?: Position | undefined;
}

export interface Page {
  readonly notifications: readonly Notification[];
  /** The position of the last notification; missing on the last page. */
  readonly end?: Position;
}

/** One page of a user's notifications, newest first. */
export async function readPage(
  history: History,
  period: Period,
  { limit, after }: PageRequest,
  context: Context,
): Promise<Page> {
  // One notification more than the page shows, to see whether another page follows.
  const found = await history.read(period, limit + 1, after, context);
  const notifications = found.slice(0, limit);
  const last = notifications.at(-1);
  if (found.length <= limit || !last) return { notifications };
  const { at, orderID, seq } = last;
  return { notifications, end: { at, orderID, seq } };
}
