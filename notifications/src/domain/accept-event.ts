import { isSameEvent, toNotification } from './notification.ts';
import type {
  Announce,
  Context,
  Notification,
  Notifications,
  OpenNotifications,
  OrderEvent,
  TraceContext,
} from './ports.ts';
import { eventConflict, outOfOrder } from './refusal.ts';

export interface AcceptEventPorts {
  readonly notifications: OpenNotifications;
  readonly announce: Announce;
}

/**
 * Stores and announces the notification of an event, once, however often the event arrives.
 * @throws {Refusal} out_of_order, event_conflict
 */
export async function acceptEvent(
  { notifications, announce }: AcceptEventPorts,
  event: OrderEvent,
  context: Context,
): Promise<void> {
  const stored = await storeNotification(notifications(context), event, context);
  // Before the answer: a caller that sends an order's events one by one has them announced in this order.
  if (stored) announce(stored);
}

/**
 * Nearly every event is the next of its order, so the insert comes first, and only a failed insert is explained. Needs neither
 * lock nor transaction: rows are never deleted, so a predecessor that was read stays, and of two concurrent inserts `add` lets one
 * win and the other read the winner's row.
 * @returns nothing for an event that was stored before
 * @throws {Refusal}
 */
export async function storeNotification(
  notifications: Notifications,
  event: OrderEvent,
  trace: TraceContext,
): Promise<Notification | undefined> {
  const notification = toNotification(event);
  if (await notifications.add(notification, trace)) return notification;

  const expectedSeq = (await notifications.lastSeq(event.orderID)) + 1;
  if (event.seq > expectedSeq) throw outOfOrder(event, expectedSeq);
  // The predecessor may have been committed after the first attempt.
  if (event.seq === expectedSeq && (await notifications.add(notification, trace))) return notification;

  const stored = await notifications.find(event.orderID, event.seq);
  if (!stored || !isSameEvent(stored, event)) throw eventConflict(event, stored);
  return undefined;
}
