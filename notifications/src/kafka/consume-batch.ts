import type { QueuedNotification } from '../domain/delivery-ports.ts';
import { EventConflict, EventOutOfOrder, PartitionMoved } from '../domain/errors.ts';
import type { Context, Notification, OrderEvent, Sink, TraceContext } from '../domain/ports.ts';
import { isSameEvent, storeNotification, toNotification } from '../domain/take-event.ts';
import type { Consumed, ConsumerRepositories, ConsumerStore, DeadLetter, Message, Stretch } from './ports.ts';

export interface ConsumePorts {
  readonly store: ConsumerStore;
  readonly sink: Sink;
}

/** Messages of one partition that follow each other. */
export interface Batch extends Stretch {
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
  const { tellers, dead } = (await takeWhole(store, batch, context)) ?? (await takeEach(store, batch, context));
  // Only after the commit, for a transaction may be run again.
  for (const { message, notification } of tellers) await message.within(() => sink.send(notification));
  return { stored: tellers.map(({ notification }) => notification), dead };
}

interface Teller {
  readonly message: Message;
  readonly notification: Notification;
}

interface Taken {
  readonly tellers: readonly Teller[];
  readonly dead: readonly DeadLetter[];
}

/** @returns nothing where the messages have to be looked at one by one */
async function takeWhole(store: ConsumerStore, batch: Batch, context: Context): Promise<Taken | undefined> {
  const tellers: Teller[] = [];
  for (const message of batch.messages) {
    if (!('event' in message.content)) return undefined;
    tellers.push({ message, notification: toNotification(message.content.event) });
  }
  if (!followEachOther(tellers)) return undefined;

  // The statement is one for all of them, and yet each has a span that lasts as long as it.
  const { promise: taken, resolve, reject } = Promise.withResolvers<boolean>();
  const queued: QueuedNotification[] = [];
  const processed = tellers.map(({ message, notification }) =>
    message.process((trace) => {
      queued.push({ ...notification, ...trace });
      return taken;
    }),
  );
  store.takeWhole(batch, queued, context).then(resolve, reject);
  await Promise.all(processed);
  return (await taken) ? { tellers, dead: [] } : undefined;
}

/** Whether each order's events stand there without a gap, one after the other. */
function followEachOther(tellers: readonly Teller[]): boolean {
  const lastSeqs = new Map<bigint, number>();
  return tellers.every(({ notification: { orderID, seq } }) => {
    const last = lastSeqs.get(orderID);
    lastSeqs.set(orderID, seq);
    return last === undefined || seq === last + 1;
  });
}

function takeEach(store: ConsumerStore, batch: Batch, context: Context): Promise<Taken> {
  return store.transaction(async (repositories) => {
    // First of all, for it locks the row: two who hold the partition for theirs go one after the other, and one goes away.
    if (!(await repositories.offsets.move(batch, batch.from, batch.to))) throw new PartitionMoved(batch, batch.from);
    return takeAll(repositories, batch);
  }, context);
}

async function takeAll({ notifications, deadLetters }: ConsumerRepositories, batch: Batch): Promise<Taken> {
  const orderIDs = batch.messages.flatMap(({ orderID }) => (orderID === undefined ? [] : [orderID]));
  const blocked = new Set(await deadLetters.findBlocked([...new Set(orderIDs)]));
  const dead: DeadLetter[] = [];
  const tellers: Teller[] = [];
  for (const message of batch.messages) {
    const isBlocked = message.orderID !== undefined && blocked.has(message.orderID);
    const outcome = await message.process((trace) => take({ notifications }, message, isBlocked, trace));
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
  return { tellers, dead };
}

export type Outcome = { readonly notification: Notification } | Pick<DeadLetter, 'reason' | 'message'> | undefined;

/** @returns nothing when the event was taken before */
async function take(
  { notifications }: Pick<ConsumerRepositories, 'notifications'>,
  { content }: Message,
  isBlocked: boolean,
  trace: TraceContext,
): Promise<Outcome> {
  if (!('event' in content)) return content;
  if (!isBlocked) return takeEventOf({ notifications }, content.event, trace);
  // After the offset was set back, an order's earlier events come once more, and have nothing to wait for.
  const taken = await notifications.find(content.event.orderID, content.event.seq);
  if (taken && isSameEvent(taken, content.event)) return undefined;
  return { reason: 'parked', message: 'waits behind a dead letter of its order' };
}

export async function takeEventOf(
  { notifications }: Pick<ConsumerRepositories, 'notifications'>,
  event: OrderEvent,
  trace: TraceContext,
): Promise<Outcome> {
  try {
    const notification = await storeNotification(notifications, event, trace);
    return notification && { notification };
  } catch (error) {
    if (error instanceof EventOutOfOrder) {
      return { reason: 'out_of_order', message: `seq ${error.expectedSeq} has to come before seq ${event.seq}` };
    }
    if (error instanceof EventConflict) return { reason: 'conflict', message: error.message };
    throw error;
  }
}
