import { isSameEvent, toNotification } from './notification.ts';
import type { ArrivedEvent, Notifications, QueuedNotification } from './ports.ts';

/** The events of one order in a batch, as they arrived. */
export type ArrivedOrder = readonly [ArrivedEvent, ...ArrivedEvent[]];

export interface FittingOrders {
  readonly stored: readonly ArrivedOrder[];
  readonly left: readonly ArrivedOrder[];
}

export function toOrders(arrived: readonly ArrivedEvent[]): ArrivedOrder[] {
  return [...Map.groupBy(arrived, ({ event }) => event.orderID).values()] as unknown as ArrivedOrder[];
}

/**
 * Stores, by one statement, the orders whose events here are the next ones. The others are left, unchanged.
 * @throws an error of the database if it refuses one of the rows; nothing is stored then
 */
export async function storeFitting(
  notifications: Notifications,
  orders: readonly ArrivedOrder[],
): Promise<FittingOrders> {
  const shared = findSharedIDs(orders);
  const simple = orders.filter((order) => hasNoGaps(order) && !order.some(({ event }) => shared.has(event.eventID)));
  if (simple.length === 0) return { stored: [], left: orders };
  const ids = new Set(await processTogether(simple.flat(), (batch) => notifications.addFitting(batch)));
  const { stored = [], left = [] } = Object.groupBy(orders, ([{ event }]) =>
    ids.has(event.orderID) ? 'stored' : 'left',
  );
  return { stored, left };
}

/** The eventIDs that several orders use: the first event in the order of their arrival has to get it. */
function findSharedIDs(orders: readonly ArrivedOrder[]): ReadonlySet<string> {
  const users = new Map<string, bigint>();
  const shared = new Set<string>();
  for (const { event } of orders.flat()) {
    if ((users.get(event.eventID) ?? event.orderID) !== event.orderID) shared.add(event.eventID);
    users.set(event.eventID, event.orderID);
  }
  return shared;
}

/** @returns the orders with events that are not stored, or are stored with other content */
export async function dropRepeated(
  notifications: Notifications,
  orders: readonly ArrivedOrder[],
): Promise<readonly ArrivedOrder[]> {
  if (orders.length === 0) return [];
  const found = await notifications.findAll(orders.flatMap((order) => order.map(({ event }) => event)));
  const keyOf = ({ orderID, seq }: { orderID: bigint; seq: number }) => `${orderID}/${seq}`;
  const known = new Map(found.map((notification) => [keyOf(notification), notification]));
  const isRepeated = ({ event }: ArrivedEvent): boolean => {
    const stored = known.get(keyOf(event));
    return stored !== undefined && isSameEvent(stored, event);
  };
  return orders.filter((order) => !order.every(isRepeated));
}

/** Whether the seqs of an order are consecutive. */
export function hasNoGaps(order: ArrivedOrder): boolean {
  const [{ event: first }] = order;
  return order.every(({ event }, index) => event.seq === first.seq + index);
}

/** Runs one statement for all of them, and each has its own span around it. */
export async function processTogether<T>(
  arrived: readonly ArrivedEvent[],
  store: (batch: readonly QueuedNotification[]) => Promise<T>,
): Promise<T> {
  const { promise: stored, resolve, reject } = Promise.withResolvers<T>();
  const batch: QueuedNotification[] = [];
  const processed = arrived.map(({ event, process }) =>
    process((trace) => {
      batch.push({ ...toNotification(event), ...trace });
      return stored;
    }),
  );
  store(batch).then(resolve, reject);
  await Promise.all(processed);
  return stored;
}
