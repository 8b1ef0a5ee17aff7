import { EventConflict, EventOutOfOrder } from './errors.ts';
import { notificationText } from './notification.ts';
import type { Context, Notification, Notifications, OrderEvent, Sink, Store, TraceContext } from './ports.ts';

export interface TakeEventPorts {
  readonly store: Store;
  readonly sink: Sink;
}

/**
 * Turns an event into its notification, once however often and by however many it is brought.
 * @throws {EventOutOfOrder} when an earlier event of the order has not been taken yet
 * @throws {EventConflict} when it contradicts what was taken before
 */
export async function takeEvent({ store, sink }: TakeEventPorts, event: OrderEvent, context: Context): Promise<void> {
  const stored = await storeNotification(store.notifications(context), event, context);
  // Before the answer, so that whoever brings an order's events one after the other has them sent in that order.
  if (stored) await sink.send(stored);
}

/**
 * Nearly every event is the next of its order, so that is tried first, and why it was not so is asked afterwards. It needs
 * neither lock nor transaction: rows are never taken away, so a predecessor that was seen stays, and where two bring the same
 * event, `add` lets one of them store and the other see what was stored.
 * @returns nothing when the event was taken before
 */
export async function storeNotification(
  notifications: Notifications,
  event: OrderEvent,
  trace: TraceContext,
): Promise<Notification | undefined> {
  const notification = toNotification(event);
  if (await notifications.add(notification, trace)) return notification;

  const expectedSeq = (await notifications.lastSeq(event.orderID)) + 1;
  if (event.seq > expectedSeq) throw new EventOutOfOrder(event.orderID, expectedSeq);
  // What comes before it may have come just now.
  if (event.seq === expectedSeq && (await notifications.add(notification, trace))) return notification;

  const taken = await notifications.find(event.orderID, event.seq);
  if (!taken || !isSameEvent(taken, event)) throw new EventConflict(event, taken);
  return undefined;
}

export function toNotification(event: OrderEvent): Notification {
  return { ...event, text: notificationText(event) };
}

/** The text is not compared: an event that comes again after its wording was changed is still the same event. */
export function isSameEvent(one: OrderEvent, other: OrderEvent): boolean {
  return (
    one.eventID === other.eventID &&
    one.user === other.user &&
    one.status === other.status &&
    one.at.getTime() === other.at.getTime()
  );
}
