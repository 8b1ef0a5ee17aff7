import type { Context, History, Notification, Period, Position } from '../domain/ports.ts';

export interface PageRequest {
  /** At most so many notifications on the page. */
  readonly limit: number;
  /** Where the page before ended. */
  readonly after?: Position | undefined;
}

export interface Page {
  readonly notifications: readonly Notification[];
  /** Where this page ends; missing when nothing comes after it. */
  readonly end?: Position;
}

/** One page of a user's notifications, newest first. */
export async function readHistory(
  history: History,
  period: Period,
  { limit, after }: PageRequest,
  context: Context,
): Promise<Page> {
  // One more than is shown tells whether there is more.
  const found = await history.read(period, limit + 1, after, context);
  const notifications = found.slice(0, limit);
  const last = notifications.at(-1);
  return found.length > limit && last ? { notifications, end: toPosition(last) } : { notifications };
}

function toPosition({ at, orderID, seq }: Notification): Position {
  return { at, orderID, seq };
}
