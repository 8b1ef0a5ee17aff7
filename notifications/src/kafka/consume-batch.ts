import { storeNotification } from '../domain/accept-event.ts';
import { isSameEvent, toNotification } from '../domain/notification.ts';
import type {
  Announce,
  Context,
  Notification,
  Notifications,
  OrderEvent,
  QueuedNotification,
  TraceContext,
} from '../domain/ports.ts';
import { Refusal, type Refused } from '../domain/refusal.ts';
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

interface StoredMessage {
  readonly message: Message;
  readonly notification: Notification;
}

interface BatchResult {
  readonly stored: readonly StoredMessage[];
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
  const { stored, dead } = (await storeWhole(store, batch, context)) ?? (await storeEach(store, batch, context));
  // After the commit, because a transaction may run again.
  for (const { message, notification } of stored) message.within(() => announce(notification));
  return { stored: stored.map(({ notification }) => notification), dead };
}

/** @returns nothing if the messages have to be stored one by one */
async function storeWhole(store: ConsumerStore, batch: Batch, context: Context): Promise<BatchResult | undefined> {
  const stored: StoredMessage[] = [];
  for (const message of batch.messages) {
    if (!('event' in message.content)) return undefined;
    stored.push({ message, notification: toNotification(message.content.event) });
  }
  if (!haveNoGaps(stored)) return undefined;

  // One statement stores all of them, and each has its own span around it.
  const { promise: isStored, resolve, reject } = Promise.withResolvers<boolean>();
  const queued: QueuedNotification[] = [];
  const processed = stored.map(({ message, notification }) =>
    message.process((trace) => {
      queued.push({ ...notification, ...trace });
      return isStored;
    }),
  );
  store.storeBatch(batch, queued, context).then(resolve, reject);
  await Promise.all(processed);
  return (await isStored) ? { stored, dead: [] } : undefined;
}

/** Whether the seqs of each order are consecutive. */
function haveNoGaps(stored: readonly StoredMessage[]): boolean {
  const lastSeqs = new Map<bigint, number>();
  return stored.every(({ notification: { orderID, seq } }) => {
    const last = lastSeqs.get(orderID);
    lastSeqs.set(orderID, seq);
    return last === undefined || seq === last + 1;
  });
}

function storeEach(store: ConsumerStore, batch: Batch, context: Context): Promise<BatchResult> {
  return store.transaction(async ({ notifications, offsets, deadLetters }) => {
    // First, because it locks the row: of two consumers of one partition the second waits, and then fails.
    if (!(await offsets.move(batch, batch.from, batch.to))) throw new PartitionMoved(batch, batch.from);
    const orderIDs = batch.messages.flatMap(({ orderID }) => (orderID === undefined ? [] : [orderID]));
    const blocked = new Set(await deadLetters.findBlocked([...new Set(orderIDs)]));
    const dead: DeadLetter[] = [];
    const stored: StoredMessage[] = [];
    for (const message of batch.messages) {
      const { offset, orderID, key, value, headers } = message;
      const isBlocked = orderID !== undefined && blocked.has(orderID);
      const outcome = await message.process((trace) => storeOne(notifications, message, isBlocked, trace));
      if (outcome === 'repeated') continue;
      if ('notification' in outcome) {
        stored.push({ message, ...outcome });
        continue;
      }
      dead.push({ topic: batch.topic, partition: batch.partition, offset, orderID, key, value, headers, ...outcome });
      if (orderID !== undefined) blocked.add(orderID);
    }
    await deadLetters.add(dead);
    return { stored, dead };
  }, context);
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
