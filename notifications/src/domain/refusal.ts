import type { OrderEvent } from './ports.ts';

/** Why an event is refused, and the facts: the errors that the contract of deliver declares. */
export type Refused =
  | { readonly reason: 'out_of_order'; readonly facts: { readonly orderID: bigint; readonly expectedSeq: number } }
  | { readonly reason: 'event_conflict'; readonly facts: { readonly orderID: bigint; readonly seq: number } };

export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly reason: Refused['reason'];
  readonly facts: Refused['facts'];

  constructor({ reason, facts }: Refused, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
    this.facts = facts;
  }
}

/** The predecessor of the event is missing. */
export function outOfOrder({ orderID, seq }: OrderEvent, expectedSeq: number): Refusal {
  const message = `order ${orderID} expects seq ${expectedSeq} before seq ${seq}`;
  return new Refusal({ reason: 'out_of_order', facts: { orderID, expectedSeq } }, message);
}

/**
 * The event's (orderID, seq) or its eventID belongs to a different event. A retry cannot succeed: a person has to find out which
 * of the two is wrong, so the cause, which is logged as a warning, shows both.
 * @param stored the event at (orderID, seq); missing where only the eventID is in use
 */
export function eventConflict(event: OrderEvent, stored: OrderEvent | undefined): Refusal {
  const { orderID, seq } = event;
  const message = `${describe(event)} contradicts ${stored ? describe(stored) : 'the event stored under its eventID'}`;
  return new Refusal({ reason: 'event_conflict', facts: { orderID, seq } }, message, { cause: new Error(message) });
}

function describe({ eventID, orderID, seq, user, status, at }: OrderEvent): string {
  return `event ${eventID} (order ${orderID}, seq ${seq}, user ${user}, ${status}, ${at.toISOString()})`;
}
