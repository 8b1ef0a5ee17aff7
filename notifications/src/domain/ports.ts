export type OrderStatus = 'new' | 'awaiting payment' | 'failed' | 'payed' | 'cancelled';

/** One status change of one order. */
export interface OrderEvent {
  readonly eventID: string;
  readonly orderID: bigint;
  /** The place among the order's changes, counted from 1. */
  readonly seq: number;
  readonly user: bigint;
  readonly status: OrderStatus;
  /** When the change was made, in whole milliseconds. */
  readonly at: Date;
}

/** What the user is told about an event. The text is kept as it was sent, whatever the wording becomes later. */
export interface Notification extends OrderEvent {
  readonly text: string;
}

/**
 * Who waits for the work: when the signal aborts, at the deadline or because the caller left, it is cut off. What belongs to
 * a transaction takes none, because the transaction was begun with it.
 */
export interface Context extends TraceContext {
  readonly signal: AbortSignal;
  readonly deadlineAt?: number;
}

/** The span in which something happens (W3C Trace Context). It is stored with a notification and travels with its delivery. */
export interface TraceContext {
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
}

/** The notifications, to be seen and added to. Rows are never taken away, so what was seen once stays. */
export interface Notifications {
  /** 0 for an order of which no event was taken yet. */
  lastSeq(orderID: bigint): Promise<number>;
  find(orderID: bigint, seq: number): Promise<Notification | undefined>;
  /**
   * Stores it where the one before it is stored, unless the place (orderID, seq) or the eventID is taken. Waits for whoever
   * takes one of them right now.
   * @param trace where it is stored, for its deliveries
   * @returns whether it was stored
   */
  add(notification: Notification, trace: TraceContext): Promise<boolean>;
}

export interface Store {
  /** The notifications as they are from one statement to the next: what was added is stored for good. */
  notifications(context: Context): Notifications;
}

/** Where a notification goes once it is stored for good. */
export interface Sink {
  send(notification: Notification): Promise<void>;
}

/** Which notifications: of one user, from `from` (inclusive) to `to` (exclusive). */
export interface Period {
  readonly user: bigint;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}

/** A place in the order of history. No two notifications share one. */
export type Position = Pick<Notification, 'at' | 'orderID' | 'seq'>;

/** What history is read from. */
export interface History {
  /**
   * Newest first: descending by time, then order, then seq.
   * @param after only what comes after this position in that order
   */
  read(period: Period, countMax: number, after: Position | undefined, context: Context): Promise<Notification[]>;
}
