import { randomBytes, randomUUID } from 'node:crypto';
import type { OrderEvent } from 'loms/contract.ts';

const STARTED_AT = Date.parse('2026-11-20T09:00:00.000Z');
const STEP_MS = 250;

/** An id of its own for each test, negative or positive. */
export function newId(): bigint {
  return randomBytes(8).readBigInt64BE();
}

/** An event of an order; fields that are not given do not matter to the test. */
export function createEvent(given: Partial<OrderEvent> = {}): OrderEvent {
  const { seq = 1 } = given;
  const at = new Date(STARTED_AT + seq * STEP_MS);
  return { eventID: randomUUID(), orderID: newId(), seq, user: newId(), status: 'new', at, ...given };
}

/** The first events of one order, as loms makes them. */
export function createEvents(count: number, given: Partial<OrderEvent> = {}): OrderEvent[] {
  const { orderID = newId(), user = newId() } = given;
  return Array.from({ length: count }, (_, index) => createEvent({ ...given, orderID, user, seq: index + 1 }));
}
