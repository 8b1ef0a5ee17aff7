import type {
  Consumed,
  ConsumerRepositories,
  ConsumerStore,
  DeadLetter,
  Message,
  Partition,
} from './consumer-ports.ts';
import { EventConflict, EventOutOfOrder, PartitionMoved } from './errors.ts';
import type { Context, Notification, OrderEvent, Sink } from './ports.ts';
import { isSameEvent, storeNotification } from './take-event.ts';

export interface ConsumePorts {
  readonly store: ConsumerStore;
  readonly sink: Sink;
}

/** Messages of one partition that follow each other, and where they leave the group. */
export interface Batch extends Partition {
  readonly from: bigint;
  readonly to: bigint;
  readonly messages: readonly Message[];
}

/**
 * Takes a batch in one transaction with the step of the partition's offset: what it says is stored just when the offset has
 * moved beyond it. A message that cannot be taken goes to the dead letters, and so do those of its order that come after it;
 * other orders go on.
 * @throws {PartitionMoved} when the offset does not stand where the batch begins; nothing was stored then
 */
export async function consumeMessages(
  { store, sink }: ConsumePorts,
  batch: Batch,
  context: Context,
): Promise<Consumed> {
  const { consumed, tellers } = await store.transaction(async (repositories) => {
    // First of all, for it locks the row: two who hold the partition for theirs go one after the other, and one goes away.
    if (!(await repositories.offsets.move(batch, batch.from, batch.to))) throw new PartitionMoved(batch, batch.from);
    return takeAll(repositories, batch);
  }, context);
  // Only after the commit, for a transaction may be run again.
  for (const { message, notification } of tellers) await message.within(() => sink.send(notification));
  return consumed;
}

async function takeAll({ notifications, deadLetters }: ConsumerRepositories, batch: Batch) {
  const orderIDs = batch.messages.flatMap(({ orderID }) => (orderID === undefined ? [] : [orderID]));
  const blocked = new Set(await deadLetters.findBlocked([...new Set(orderIDs)]));
  const dead: DeadLetter[] = [];
  const tellers: { readonly message: Message; readonly notification: Notification }[] = [];
  for (const message of batch.messages) {
    const isBlocked = message.orderID !== undefined && blocked.has(message.orderID);
    const outcome = await message.within(() => take({ notifications }, message, isBlocked));
    if (outcome === undefined) continue;
    if ('notification' in outcome) {
      tellers.push({ message, notification: outcome.notification });
      continue;
    }
    const { offset, orderID, key, value, headers } = message;
    dead.push({ topic: batch.topic, partition: batch.partition, offset, orderID, key, value, headers, ...outcome });
    if (orderID !== undefined) blocked.add(orderID);
  }
  await deadLetters.add(dead);
  return { tellers, consumed: { stored: tellers.map(({ notification }) => notification), dead } };
}

export type Outcome = { readonly notification: Notification } | Pick<DeadLetter, 'reason' | 'message'> | undefined;

/** @returns nothing when the event was taken before */
async function take(
  { notifications }: Pick<ConsumerRepositories, 'notifications'>,
  { content }: Message,
  isBlocked: boolean,
): Promise<Outcome> {
  if (!('event' in content)) return content;
  if (!isBlocked) return takeEventOf({ notifications }, content.event);
  // After the offset was set back, an order's earlier events come once more, and have nothing to wait for.
  const taken = await notifications.find(content.event.orderID, content.event.seq);
  if (taken && isSameEvent(taken, content.event)) return undefined;
  return { reason: 'parked', message: 'waits behind a dead letter of its order' };
}

export async function takeEventOf(
  { notifications }: Pick<ConsumerRepositories, 'notifications'>,
  event: OrderEvent,
): Promise<Outcome> {
  try {
    const notification = await storeNotification(notifications, event);
    return notification && { notification };
  } catch (error) {
    if (error instanceof EventOutOfOrder) {
      return { reason: 'out_of_order', message: `seq ${error.expectedSeq} has to come before seq ${event.seq}` };
    }
    if (error instanceof EventConflict) return { reason: 'conflict', message: error.message };
    throw error;
  }
}
