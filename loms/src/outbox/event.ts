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

/** All undelivered events of one order, in the order of their seqs. */
export type ClaimedOrder = readonly [ClaimedEvent, ...ClaimedEvent[]];

export interface Advanced {
  readonly claimed: readonly ClaimedOrder[];
  /** How long after their changes the acknowledged events were delivered, in milliseconds. */
  readonly delaysMs: readonly number[];
}

export interface EventQueue {
  /**
   * Acknowledges delivered events, and claims the undelivered events of at most `limit` orders; both or neither. Until
   * `leaseMs` have passed, no other relay gets them, nor later events of these orders.
   */
  advance(deliveredIDs: readonly string[], limit: number, leaseMs: number, context: Context): Promise<Advanced>;
  /** Puts an event back for later, and with it those that wait behind it. */
  postpone(event: OrderEvent, delayMs: number, context: Context): Promise<void>;
  /** Gives an event and those behind it back as if they had not been claimed. */
  release(event: OrderEvent, context: Context): Promise<void>;
}

export interface BacklogReader {
  /** The events that are not delivered yet, counted up to `countMax`. */
  read(countMax: number, context: Context): Promise<Backlog>;
}

export interface EventPublisher {
  /**
   * Resolves once the event is safely stored by its receiver. Publishing an event twice is harmless.
   * @throws {PublisherUnavailable} when no event can be published right now, whichever it is
   */
  publish(event: OrderEvent, context: Context): Promise<void>;
}

/** No event can be published right now, whichever it is. */
export class PublisherUnavailable extends Error {
  override readonly name = 'PublisherUnavailable';
}
