import type { OrderEvent } from './ports.ts';

/** The event comes before its predecessor. */
export class EventOutOfOrder extends Error {
  override readonly name = 'EventOutOfOrder';
  readonly orderID: bigint;
  readonly expectedSeq: number;

  constructor(orderID: bigint, expectedSeq: number) {
    super(`order ${orderID} is at seq ${expectedSeq - 1}`);
    this.orderID = orderID;
    this.expectedSeq = expectedSeq;
  }
}

/**
 * The event's place or its eventID was taken by an event that says something else. One of the two is wrong, and no
 * repetition mends that: a person has to look.
 */
export class EventConflict extends Error {
  override readonly name = 'EventConflict';
  readonly event: OrderEvent;

  /** @param taken what stands in the event's place; nothing does where only the eventID was taken, by another place */
  constructor(event: OrderEvent, taken: OrderEvent | undefined) {
    super(`${describe(event)} contradicts ${taken ? describe(taken) : 'what was taken under its eventID'}`);
    this.event = event;
  }
}

function describe({ eventID, orderID, seq, user, status, at }: OrderEvent): string {
  return `event ${eventID} (order ${orderID}, seq ${seq}, user ${user}, ${status}, ${at.toISOString()})`;
}
