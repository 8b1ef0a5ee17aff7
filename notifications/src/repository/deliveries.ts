import { type Backlog, type Database, statement } from 'service-kit';
import type { Context, Notification, QueuedNotification } from '../domain/ports.ts';
import { type NotificationRow, toNotification } from './notification-row.ts';

/** Each target has every notification in its queue: a row of `deliveries` whose column `sink` names it. */
export type DeliveryTarget = 'journal' | 'webhook';

export interface QueuedRow extends NotificationRow {
  readonly traceparent: string | null;
  readonly tracestate: string | null;
}

export function toQueued(row: QueuedRow): QueuedNotification {
  return { ...toNotification(row), traceparent: row.traceparent ?? undefined, tracestate: row.tracestate ?? undefined };
}

/** Primary keys as two lists, for `unnest`. */
export function keysOf(notifications: readonly Pick<Notification, 'orderID' | 'seq'>[]) {
  return { orderIDs: notifications.map(({ orderID }) => orderID), seqs: notifications.map(({ seq }) => seq) };
}

/** Acknowledges deliveries: their rows leave the queue. */
export async function removeDeliveries(
  database: Database,
  target: DeliveryTarget,
  notifications: readonly Notification[],
  { signal }: Context,
): Promise<void> {
  const { orderIDs, seqs } = keysOf(notifications);
  const remove = statement`
    DELETE FROM deliveries
    WHERE sink = ${target} AND (order_id, seq) IN (SELECT unnest(${orderIDs}::bigint[]), unnest(${seqs}::bigint[]))`;
  await database.run('remove deliveries', remove, { signal });
}

export interface BacklogRow {
  readonly deliveries: bigint;
  readonly oldest_ms: number;
}

export function toBacklog([row]: readonly BacklogRow[]): Backlog {
  return { count: Number(row?.deliveries ?? 0), oldestMs: row?.oldest_ms ?? 0 };
}
