import { runInHalves } from 'worker-pool';
import { type AcceptEventPorts, storeNotification } from './accept-event.ts';
import { toNotification } from './notification.ts';
import type { ArrivedEvent, Context, Notifications } from './ports.ts';
import { Refusal, type Refused } from './refusal.ts';
import { type ArrivedOrder, dropRepeated, storeFitting, toOrders } from './store-orders.ts';

export interface AcceptEventsPorts extends AcceptEventPorts {
  /** Whether the database refused the data, so that a retry fails too. */
  readonly isFaultOfData: (error: unknown) => boolean;
}

export interface RefusedEvent {
  readonly eventID: string;
  readonly reason: Refused['reason'] | 'failed';
  readonly message: string;
}

/**
 * Accepts events of many orders. An event that is refused also refuses the later ones of its order, and no other.
 * @param arrived those of one order ascending by seq
 */
export async function acceptEvents(
  { notifications: open, ...ports }: AcceptEventsPorts,
  arrived: readonly ArrivedEvent[],
  context: Context,
): Promise<RefusedEvent[]> {
  const notifications = open(context);
  const left = await acceptFitting(ports, notifications, toOrders(arrived));
  const refused: RefusedEvent[] = [];
  for (const order of await dropRepeated(notifications, left)) {
    refused.push(...(await acceptEach(ports, notifications, order)));
  }
  return refused;
}

type Ports = Omit<AcceptEventsPorts, 'notifications'>;

/** @returns the orders that were not stored */
async function acceptFitting(
  { announce, isFaultOfData }: Ports,
  notifications: Notifications,
  orders: readonly ArrivedOrder[],
): Promise<readonly ArrivedOrder[]> {
  const notStored: ArrivedOrder[] = [];
  const store = async (some: readonly ArrivedOrder[]): Promise<void> => {
    const { stored, left } = await storeFitting(notifications, some);
    // Before the answer: a caller that sends an order's events one by one has them announced in this order.
    for (const { event, within } of stored.flat()) within(() => announce(toNotification(event)));
    notStored.push(...left);
  };
  await runInHalves(orders, store, isFaultOfData, (refused, error) => {
    if (!isFaultOfData(error)) throw error;
    notStored.push(...refused);
  });
  return notStored;
}

const BEHIND = { reason: 'out_of_order', message: 'an earlier event of the order in this batch was refused' } as const;

async function acceptEach(ports: Ports, notifications: Notifications, order: ArrivedOrder): Promise<RefusedEvent[]> {
  for (const [index, one] of order.entries()) {
    const refusal = await acceptOne(ports, notifications, one);
    if (!refusal) continue;
    const behind = order.slice(index + 1).map(({ event }) => ({ eventID: event.eventID, ...BEHIND }));
    return [{ eventID: one.event.eventID, ...refusal }, ...behind];
  }
  return [];
}

async function acceptOne(
  { announce, isFaultOfData }: Ports,
  notifications: Notifications,
  { event, process, within }: ArrivedEvent,
): Promise<Omit<RefusedEvent, 'eventID'> | undefined> {
  try {
    const stored = await process((trace) => storeNotification(notifications, event, trace));
    if (stored) within(() => announce(stored));
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return { reason: error.reason, message: error.message };
    if (isFaultOfData(error)) return { reason: 'failed', message: 'the database refuses the data of the event' };
    throw error;
  }
}
