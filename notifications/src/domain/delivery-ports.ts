import type { Context, Notification, TraceContext } from './ports.ts';

/** What is needed to bring notifications out of the database to where somebody reads them. */

/** The sinks that have a queue. Each gets every notification, those of an order in their order. */
export type SinkName = 'journal' | 'webhook';

/** With the span in which it was stored. */
export interface QueuedNotification extends Notification, TraceContext {}

export interface ClaimedDelivery {
  readonly notification: QueuedNotification;
  /** How often it has been taken, this time included. */
  readonly attempts: number;
  /** How long ago it was stored, in milliseconds. */
  readonly waitedMs: number;
}

/** What has still to be told to a sink that one notification after the other is told to. */
export interface DeliveryQueue {
  /** Takes the earliest of each order, at most `limit`; nobody else takes them, nor what follows them, for `leaseMs`. */
  claim(limit: number, leaseMs: number, context: Context): Promise<ClaimedDelivery[]>;
  delivered(notifications: readonly Notification[], context: Context): Promise<void>;
  /** Puts it back for later, and with it those that wait behind it. */
  postpone(notification: Notification, delayMs: number, context: Context): Promise<void>;
  /** Gives it up; what waits behind it goes on. */
  bury(notification: Notification, context: Context): Promise<void>;
}

/** Tells one notification; resolves once it is safely there. Telling twice is harmless. */
export interface Target {
  /** @throws {DeliveryRefused} when it was refused for what it says */
  deliver(notification: Notification, context: Context): Promise<void>;
}

/** What has still to be written to a journal. What a journal took stays its own: no time makes it free again. */
export interface JournalQueue {
  /**
   * Notes what the journal has, and takes the earliest of each order, at most `limit`, for it: both or nothing.
   * @param delivered all that it took before
   */
  claim(
    journalID: string,
    limit: number,
    delivered: readonly Notification[],
    context: Context,
  ): Promise<QueuedNotification[]>;
  /** All that the journal took and that is not known to be in it. */
  claimed(journalID: string, context: Context): Promise<QueuedNotification[]>;
  delivered(notifications: readonly Notification[], context: Context): Promise<void>;
  /** The journals that took something `restMs` ago or earlier. */
  findStale(restMs: number, context: Context): Promise<string[]>;
}

/** An append-only file of notifications, held by this process alone. */
export interface Journal {
  /** Stands in the file, so a file by another name is the same journal. */
  readonly id: string;
  /** Resolves when all of them are on the disk. After a failure, `repair` must come first. */
  append(notifications: readonly QueuedNotification[]): Promise<void>;
  /**
   * Cuts off what was not written to its end.
   * @returns the eventIDs of the last lines, at most so many
   */
  repair(linesMax: number): Promise<ReadonlySet<string>>;
}

/** What waits for a sink, counted up to a limit. */
export interface DeliveryBacklog {
  readonly deliveries: number;
  /** How long ago the oldest was stored, in milliseconds; 0 where nothing waits. */
  readonly oldestMs: number;
}

export interface DeliveryBacklogReader {
  read(sink: SinkName, countMax: number, context: Context): Promise<DeliveryBacklog>;
}
