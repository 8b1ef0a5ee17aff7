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

/** The partition's offset does not stand where its consumer believed: another one has gone on with it, or it was set back. */
export class PartitionMoved extends Error {
  override readonly name = 'PartitionMoved';

  constructor({ topic, partition }: { readonly topic: string; readonly partition: number }, believed: bigint) {
    super(`the offset of partition ${partition} of ${topic} does not stand at ${believed}`);
  }
}

/** Whoever was told a notification refused it for what it says: telling it again helps only after something has changed. */
export class DeliveryRefused extends Error {
  override readonly name = 'DeliveryRefused';
}
