import type { OrderEvent, OrderStatus } from './ports.ts';

const WORDS: Record<OrderStatus, string> = {
  new: 'was received',
  'awaiting payment': 'waits for payment',
  failed: 'failed: its goods are not all in stock',
  payed: 'is payed',
  cancelled: 'was cancelled',
};

/** The sentence that the user reads. */
export function notificationText({ orderID, status }: Pick<OrderEvent, 'orderID' | 'status'>): string {
  return `Order ${orderID} ${WORDS[status]}.`;
}
