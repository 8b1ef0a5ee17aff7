import type { QueuedNotification } from '../domain/delivery-ports.ts';
import type { Context, Notification, Notifications, OrderEvent, TraceContext } from '../domain/ports.ts';

/** What of the world is needed to take events out of a log of messages (Kafka), rather than one by one from a caller. */

export interface Partition {
  readonly topic: string;
  readonly partition: number;
}

/** A part of a partition that is taken at once, and where that leaves the group. */
export interface Stretch extends Partition {
  readonly from: bigint;
  readonly to: bigint;
}

/** Why a message was not taken; `parked` is one that only waits behind another of its order. */
export type DeadReason = 'malformed' | 'unknown_version' | 'conflict' | 'out_of_order' | 'failed' | 'parked';

/** A message as it lies in the log. */
export interface Message {
  readonly offset: bigint;
  /** Of the order that its key names; missing where the key names none. Dead letters hold up the orders that they name. */
  readonly orderID: bigint | undefined;
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** What it says, or why it cannot be told. */
  readonly content: { readonly event: OrderEvent } | { readonly reason: DeadReason; readonly message: string };
  /**
   * Runs the work that takes the message as a span of its own, in the surroundings that the message names.
   * @param work is given the span, or else the one that the message names
   */
  process<T>(work: (trace: TraceContext) => Promise<T>): Promise<T>;
  /** Runs what comes after that in the same surroundings, so that its log lines and spans lead to where the message began. */
  within<T>(work: () => Promise<T>): Promise<T>;
}

export interface DeadLetter extends Pick<Message, 'offset' | 'orderID' | 'key' | 'value' | 'headers'>, Partition {
  readonly reason: DeadReason;
  /** The reason for a reader. */
  readonly message: string;
  /** Missing before it is kept. */
  readonly diedAt?: Date;
  /** Whether the value was too long to be kept whole. */
  readonly isCut?: boolean;
}

/** Where the group goes on, as one transaction sees it. */
export interface ConsumerOffsets {
  /**
   * Moves on from an offset to another.
   * @returns false where it does not stand there: somebody else has moved it
   */
  move(partition: Partition, from: bigint, to: bigint): Promise<boolean>;
}

export interface DeadLetters {
  /** Those of the orders that a dead letter holds up. */
  findBlocked(orderIDs: readonly bigint[]): Promise<bigint[]>;
  /** Keeps them; one that is kept already stays as it is. */
  add(letters: readonly DeadLetter[]): Promise<void>;
  /** Reads the letters of an order, ascending by offset, and keeps everyone else from them until the transaction ends. */
  lock(orderID: bigint): Promise<DeadLetter[]>;
  remove(letter: Partition & { readonly offset: bigint }): Promise<boolean>;
  /** Says anew why a letter is dead. */
  explain(letter: DeadLetter): Promise<void>;
}

/** What one transaction works with. */
export interface ConsumerRepositories {
  readonly notifications: Notifications;
  readonly offsets: ConsumerOffsets;
  readonly deadLetters: DeadLetters;
}

export interface ConsumerStore {
  /**
   * Stores the notifications and moves the group on, all in one statement, where nothing stands against it: the group stands
   * where the stretch begins, no dead letter holds up one of the orders, and the first of each order is the next one of it.
   * @param notifications those of an order follow each other
   * @returns false when it was not so; nothing was stored then
   */
  takeWhole(stretch: Stretch, notifications: readonly QueuedNotification[], context: Context): Promise<boolean>;
  /** The unit of work: all of it is stored, or nothing. The work may be run again after a lost race. */
  transaction<T>(work: (repositories: ConsumerRepositories) => Promise<T>, context: Context): Promise<T>;
  /** Where the group goes on; the beginning where it has not begun. */
  readOffset(partition: Partition, context: Context): Promise<bigint>;
}

/** Dead letters outside of a transaction. */
export interface DeadLetterReader {
  /** With the beginnings of their values. */
  list(order: bigint | undefined, countMax: number, context: Context): Promise<DeadLetter[]>;
  /** How many there are for each reason that there are any for, each counted up to a limit. */
  count(countMax: number, context: Context): Promise<Partial<Record<DeadReason, number>>>;
}

/** What became of a batch. */
export interface Consumed {
  readonly stored: readonly Notification[];
  readonly dead: readonly DeadLetter[];
}
