import { EventConflict, EventOutOfOrder } from './errors.ts';
import { notificationText } from './notification-text.ts';
import type { Context, Notification, Notifications, OrderEvent, Sink, Store } from './ports.ts';

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
  const stored = await store.transaction(({ notifications }) => storeNotification(notifications, event), context);
  // Only after the commit, for a transaction may be run again; and before the answer, so that whoever brings an order's
  // events one after the other has them sent in that order.
  if (stored) await sink.send(stored);
}

/**
 * The part inside the transaction. It needs no lock of its own: rows are never taken away, so a predecessor that was
 * seen stays, and where two bring the same event, `add` lets one of them store and the other see what was stored.
 * @returns nothing when the event was taken before
 */
export async function storeNotification(
  notifications: Notifications,
  event: OrderEvent,
): Promise<Notification | undefined> {
  const expectedSeq = (await notifications.lastSeq(event.orderID)) + 1;
  if (event.seq > expectedSeq) throw new EventOutOfOrder(event.orderID, expectedSeq);

  const notification = { ...event, text: notificationText(event) };
  if (await notifications.add(notification)) return notification;

  const taken = await notifications.find(event.orderID, event.seq);
  if (!taken || !isSameEvent(taken, event)) throw new EventConflict(event, taken);
  return undefined;
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
