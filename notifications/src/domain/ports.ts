import type { OrderEvent } from 'loms/contract.ts';

export type { OrderEvent };

/** An event with the sentence that its user reads. The text is stored, so later changes of the wording do not change it. */
export interface Notification extends Readonly<OrderEvent> {
  readonly text: string;
}

/** The call that the work belongs to. Its signal aborts at the deadline or when the caller leaves, which cancels the work. */
export interface Context extends TraceContext {
  readonly signal: AbortSignal;
  readonly deadlineAt?: number;
}

/** A span (W3C Trace Context). It is stored with a notification and continues in its deliveries. */
export interface TraceContext {
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
}

/** A notification with the span in which it was stored. */
export interface QueuedNotification extends Notification, TraceContext {}

/** The call that made an event. */
export interface Origin {
  /**
   * Runs the work in a span of its own, below the span and in the log scope of that call.
   * @param work starts at once, and receives the new span or, untraced, the call's
   */
  process<T>(work: (trace: TraceContext) => Promise<T>): Promise<T>;
  /** Runs work in the span and the log scope of `process`. */
  within<T>(work: () => T): T;
}

/** An event of a batch. */
export interface ArrivedEvent extends Origin {
  readonly event: OrderEvent;
}

/** The stored notifications. Rows are never deleted, so a row that was read once stays valid. */
export interface Notifications {
  /** 0 for an order without notifications. */
  lastSeq(orderID: bigint): Promise<number>;
  find(orderID: bigint, seq: number): Promise<Notification | undefined>;
  /** Those of these (orderID, seq) that are stored. */
  findAll(keys: readonly Pick<Notification, 'orderID' | 'seq'>[]): Promise<Notification[]>;
  /**
   * Inserts it if its predecessor is stored and neither (orderID, seq) nor the eventID is in use. Waits for concurrent inserts of
   * the same keys.
   * @param trace the current span, stored for the deliveries
   * @returns whether it was inserted
   */
  add(notification: Notification, trace: TraceContext): Promise<boolean>;
  /**
   * Inserts those of each order whose first notification here is the next one of the order. Fails, and inserts nothing, if one of
   * them is inserted concurrently or its eventID is in use.
   * @param batch those of one order ascending and without gaps
   * @returns the orders whose notifications were inserted
   */
  addFitting(batch: readonly QueuedNotification[]): Promise<bigint[]>;
}

/** Opens the notifications for one call. Each statement commits by itself. */
export type OpenNotifications = (context: Context) => Notifications;

/** Logs and counts a notification that was committed. */
export type Announce = (notification: Notification) => void;
