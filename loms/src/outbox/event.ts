import type { Backlog } from 'service-kit';
import type { Context, StatusChange } from '../domain/ports.ts';

/** A status change on its way out of loms. */
export interface OrderEvent extends StatusChange {
  readonly eventID: string;
  /** Of the call that made the change; none where an order's time ran out. */
  readonly requestId?: string | undefined;
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
  readonly baggage?: string | undefined;
}

export interface ClaimedEvent extends OrderEvent {
  /** How often it has been claimed, this time included. */
  readonly attempts: number;
}

export interface Advanced {
  /** By order, and those of an order by seq. */
  readonly claimed: readonly ClaimedEvent[];
  /** How long after their changes the acknowledged events were delivered, in milliseconds. */
  readonly delaysMs: readonly number[];
  /** In how many milliseconds the next leased or postponed event becomes available. */
  readonly dueMs?: number | undefined;
}

/** An event that is tried again after a delay. */
export interface Postponed {
  readonly event: OrderEvent;
  readonly delayMs: number;
}

export interface EventQueue {
  /**
   * Acknowledges delivered events, and claims the first undelivered events of at most `ordersMax` orders; both or neither. Until
   * `leaseMs` have passed, no other relay gets them, nor later events of these orders.
   */
  advance(deliveredIDs: readonly string[], ordersMax: number, leaseMs: number, context: Context): Promise<Advanced>;
  /** Puts events back for later, and with each the events behind it. */
  postpone(events: readonly Postponed[], context: Context): Promise<void>;
  /** Gives the events of a claim back as if they had not been claimed. */
  release(events: readonly OrderEvent[], context: Context): Promise<void>;
}

export interface BacklogReader {
  /** The events that are not delivered yet, counted up to `countMax`. */
  read(countMax: number, context: Context): Promise<Backlog>;
}

/** An event that its receiver did not store, for a reason of its own. */
export interface FailedEvent {
  readonly event: OrderEvent;
  readonly error: unknown;
}

export interface EventPublisher {
  /**
   * Resolves once each event is safely stored by its receiver, but for those that failed and the events behind them. Publishing an
   * event twice is harmless.
   * @param events by order, and those of an order by seq
   * @throws {PublisherUnavailable} when no event can be published right now, whichever it is
   */
  publish(events: readonly OrderEvent[], context: Context): Promise<readonly FailedEvent[]>;
}

/** No event can be published right now, whichever it is. */
export class PublisherUnavailable extends Error {
  override readonly name = 'PublisherUnavailable';
}
