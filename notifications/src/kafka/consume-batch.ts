import { storeNotification } from '../domain/accept-event.ts';
import { isSameEvent, toNotification } from '../domain/notification.ts';
import type {
  Announce,
  ArrivedEvent,
  Context,
  Notification,
  Notifications,
  OrderEvent,
  TraceContext,
} from '../domain/ports.ts';
import { Refusal, type Refused } from '../domain/refusal.ts';
import { dropRepeated, hasNoGaps, processTogether, storeFitting, toOrders } from '../domain/store-orders.ts';
import {
  type Consumed,
  type ConsumerStore,
  type DeadLetter,
  type DeadReason,
  type Message,
  type OffsetRange,
  PartitionMoved,
} from './ports.ts';

export interface ConsumePorts {
  readonly store: ConsumerStore;
  readonly announce: Announce;
}

/** Consecutive messages of one partition. */
export interface Batch extends OffsetRange {
  readonly messages: readonly Message[];
}

interface BatchResult {
  readonly stored: readonly ArrivedEvent[];
  readonly dead: readonly DeadLetter[];
}

/**
 * Stores a batch and moves the offset of its partition in one transaction. A message that cannot be stored becomes a dead letter,
 * and so do later messages of its order; other orders continue.
 * @throws {PartitionMoved} if the stored offset is not the beginning of the batch; nothing is stored then
 */
export async function consumeBatch(
  { store, announce }: ConsumePorts,
  batch: Batch,
  context: Context,
): Promise<Consumed> {
  const { stored, dead } = (await storeWhole(store, batch, context)) ?? (await storeParts(store, batch, context));
  // After the commit, because a transaction may run again.
  const notifications = stored.map(({ event, within }) => {
    const notification = toNotification(event);
    within(() => announce(notification));
    return notification;
  });
  return { stored: notifications, dead };
}

/** @returns nothing if the batch has exceptions */
async function storeWhole(store: ConsumerStore, batch: Batch, context: Context): Promise<BatchResult | undefined> {
  const arrived = batch.messages.flatMap(toArrived);
  if (arrived.length < batch.messages.length || !toOrders(arrived).every(hasNoGaps)) return undefined;
  const isStored = await processTogether(arrived, (queued) => store.storeBatch(batch, queued, context));
  return isStored ? { stored: arrived, dead: [] } : undefined;
}

function toArrived({ content, process, within }: Message): ArrivedEvent[] {
  return 'event' in content ? [{ event: content.event, process, within }] : [];
}

/** Stores the orders without exceptions by one statement, and the messages of the others one by one. */
function storeParts(store: ConsumerStore, batch: Batch, context: Context): Promise<BatchResult> {
  return store.transaction(async ({ notifications, offsets, deadLetters }) => {
    // First, because it locks the row: of two consumers of one partition the second waits, and then fails.
    if (!(await offsets.move(batch, batch.from, batch.to))) throw new PartitionMoved(batch, batch.from);
    const orderIDs = batch.messages.flatMap(({ orderID }) => (orderID === undefined ? [] : [orderID]));
    const blocked = new Set(await deadLetters.findBlocked([...new Set(orderIDs)]));
    const done = await storeOrders(notifications, batch.messages, blocked);
    const dead: DeadLetter[] = [];
    const stored: ArrivedEvent[] = [];
    for (const message of batch.messages) {
      const { offset, orderID, key, value, headers } = message;
      const whole = orderID === undefined ? undefined : done.get(orderID);
      if (whole === 'stored') stored.push(...toArrived(message));
      if (whole !== undefined) continue;
      const isBlocked = orderID !== undefined && blocked.has(orderID);
      const outcome = await message.process((trace) => storeOne(notifications, message, isBlocked, trace));
      if (outcome === 'repeated') continue;
      if ('notification' in outcome) {
        stored.push(...toArrived(message));
        continue;
      }
      dead.push({ topic: batch.topic, partition: batch.partition, offset, orderID, key, value, headers, ...outcome });
      if (orderID !== undefined) blocked.add(orderID);
    }
    await deadLetters.add(dead);
    return { stored, dead };
  }, context);
}

/** @returns the orders whose events here were all stored by one statement, or are all repeated */
async function storeOrders(
  notifications: Notifications,
  messages: readonly Message[],
  blocked: ReadonlySet<bigint>,
): Promise<ReadonlyMap<bigint, 'stored' | 'repeated'>> {
  // The database may have refused this message in a larger batch: alone it is examined.
  if (messages.length === 1) return new Map();
  const unreadable = new Set(messages.flatMap(({ content, orderID }) => ('event' in content ? [] : [orderID])));
  const orders = toOrders(messages.flatMap(toArrived)).filter(
    ([{ event }]) => !blocked.has(event.orderID) && !unreadable.has(event.orderID),
  );
  const { stored, left } = await storeFitting(notifications, orders);
  const exceptions = new Set(await dropRepeated(notifications, left));
  const repeated = left.filter((order) => !exceptions.has(order));
  const entries = (some: typeof left, outcome: 'stored' | 'repeated') =>
    some.map(([{ event }]) => [event.orderID, outcome] as const);
  return new Map([...entries(stored, 'stored'), ...entries(repeated, 'repeated')]);
}

/** `repeated` is an event that was stored before. */
export type Outcome = { readonly notification: Notification } | Pick<DeadLetter, 'reason' | 'message'> | 'repeated';

async function storeOne(
  notifications: Notifications,
  { content }: Message,
  isBlocked: boolean,
  trace: TraceContext,
): Promise<Outcome> {
  if (!('event' in content)) return content;
  if (!isBlocked) return storeEvent(notifications, content.event, trace);
  // After a reset of the offset, events from before the dead letter arrive again and must not be parked behind it.
  const stored = await notifications.find(content.event.orderID, content.event.seq);
  if (stored && isSameEvent(stored, content.event)) return 'repeated';
  return { reason: 'parked', message: 'waits behind a dead letter of its order' };
}

const DEAD_REASONS = { out_of_order: 'out_of_order', event_conflict: 'conflict' } as const satisfies Record<
  Refused['reason'],
  DeadReason
>;

export async function storeEvent(
  notifications: Notifications,
  event: OrderEvent,
  trace: TraceContext,
): Promise<Outcome> {
  try {
    const notification = await storeNotification(notifications, event, trace);
    return notification ? { notification } : 'repeated';
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { reason: DEAD_REASONS[error.reason], message: error.message };
  }
}
