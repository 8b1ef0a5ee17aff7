import type { Context, Notification, Notifications, OrderEvent, Origin, QueuedNotification } from '../domain/ports.ts';

export interface Partition {
  readonly topic: string;
  readonly partition: number;
}

/** The offsets of one batch: from its first message to the one behind its last. */
export interface OffsetRange extends Partition {
  readonly from: bigint;
  readonly to: bigint;
}

/** Why a message is a dead letter; `parked` is an event that waits behind another dead letter of its order. */
export type DeadReason = 'malformed' | 'unknown_version' | 'conflict' | 'out_of_order' | 'failed' | 'parked';

export interface Message extends Origin {
  readonly offset: bigint;
  /** By its key; missing where the key is no order's. A dead letter blocks the order of its key. */
  readonly orderID: bigint | undefined;
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly content: { readonly event: OrderEvent } | { readonly reason: DeadReason; readonly message: string };
}

export interface DeadLetter extends Pick<Message, 'offset' | 'orderID' | 'key' | 'value' | 'headers'>, Partition {
  readonly reason: DeadReason;
  /** The reason in words. */
  readonly message: string;
}

/** The offsets of the group, in one transaction. */
export interface ConsumerOffsets {
  /** @returns false if the stored offset is not `from`: another consumer moved it, or it was reset */
  move(partition: Partition, from: bigint, to: bigint): Promise<boolean>;
}

export interface DeadLetters {
  /** Those of the orders that have a dead letter. */
  findBlocked(orderIDs: readonly bigint[]): Promise<bigint[]>;
  /** Stores them; a letter that is stored already stays as it is. */
  add(letters: readonly DeadLetter[]): Promise<void>;
  /** Reads the letters of an order, ascending by offset, and locks them until the transaction ends. */
  lock(orderID: bigint): Promise<DeadLetter[]>;
  remove(letter: Partition & { readonly offset: bigint }): Promise<void>;
  /** Updates the reason and its words. */
  explain(letter: DeadLetter): Promise<void>;
}

/** The repositories of one transaction. */
export interface ConsumerRepositories {
  readonly notifications: Notifications;
  readonly offsets: ConsumerOffsets;
  readonly deadLetters: DeadLetters;
}

export interface ConsumerStore {
  /**
   * Stores the notifications and moves the offset, in one statement. Requires that the stored offset is the beginning of the range,
   * that no order is blocked by a dead letter, and that the first event of each order is the next one of this order.
   * @param notifications those of one order without gaps
   * @returns false if a requirement is not met; nothing is stored then
   */
  storeBatch(range: OffsetRange, notifications: readonly QueuedNotification[], context: Context): Promise<boolean>;
  /** Commits the work or nothing of it. Runs the work again after a lost race. */
  transaction<T>(work: (repositories: ConsumerRepositories) => Promise<T>, context: Context): Promise<T>;
  /** The next offset of the group; 0 for a new partition. */
  readOffset(partition: Partition, context: Context): Promise<bigint>;
}

/** The letters of one order, or the one with an address. */
export type LetterFilter = Partial<Pick<DeadLetter, 'orderID' | 'partition' | 'offset'>>;

/** Dead letters outside of a transaction. */
export interface DeadLetterReader {
  /** With the beginnings of their values. */
  list(filter: LetterFilter, countMax: number, context: Context): Promise<DeadLetter[]>;
  /** The number of letters by reason, each counted up to a limit. Reasons without letters are missing. */
  count(countMax: number, context: Context): Promise<Partial<Record<DeadReason, number>>>;
}

/** What a batch has added. */
export interface Consumed {
  readonly stored: readonly Notification[];
  readonly dead: readonly DeadLetter[];
}

/** The stored offset differs from the consumer's: another consumer moved it, or it was reset. */
export class PartitionMoved extends Error {
  override readonly name = 'PartitionMoved';

  constructor({ topic, partition }: Partition, expected: bigint) {
    super(`the stored offset of partition ${partition} of ${topic} is not ${expected}`);
  }
}
