import type { Notification, OrderEvent } from './ports.ts';

const WORDS: Record<OrderEvent['status'], string> = {
  new: 'was received',
  'awaiting payment': 'waits for payment',
  failed: 'failed: its goods are not all in stock',
  payed: 'is paid',
  cancelled: 'was cancelled',
};

export function toNotification(event: OrderEvent): Notification {
  return { ...event, text: `Order ${event.orderID} ${WORDS[event.status]}.` };
}

/** Ignores the text: an event that is repeated after its wording changed is still the same event. */
export function isSameEvent(one: OrderEvent, other: OrderEvent): boolean {
  return (
    one.eventID === other.eventID &&
    one.user === other.user &&
    one.status === other.status &&
    one.at.getTime() === other.at.getTime()
  );
}
