import type { OrderEvent } from './ports.ts';

/** What becomes of an event: whether it was delivered. Never rejects. */
export type Fate = Promise<boolean>;

/**
 * The orders that have events in hand here: so that the next event of such an order can follow the last one without a look
 * into the database.
 */
export interface EventChains {
  /** What the event with this seq has to wait for; `undefined` where the one before it is not in hand here. */
  before(orderID: bigint, seq: number): Fate | undefined;
  extend(event: OrderEvent, fate: Fate): void;
  /** It is noted in the database as delivered: from here on, that is where to look. */
  forget(event: OrderEvent): void;
  /** One of the order was not delivered, so what comes after it has to be taken anew. */
  break(orderID: bigint): void;
}

export function createEventChains(): EventChains {
  const lasts = new Map<bigint, { readonly seq: number; readonly fate: Fate }>();
  return {
    before(orderID, seq) {
      const last = lasts.get(orderID);
      return last && last.seq === seq - 1 ? last.fate : undefined;
    },
    extend({ orderID, seq }, fate) {
      lasts.set(orderID, { seq, fate });
    },
    forget({ orderID, seq }) {
      if (lasts.get(orderID)?.seq === seq) lasts.delete(orderID);
    },
    break(orderID) {
      lasts.delete(orderID);
    },
  };
}
