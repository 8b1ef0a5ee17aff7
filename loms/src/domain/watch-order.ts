import type { ChangeFeed, ChangeReader, Context, OrderChange, OrderStatus } from './ports.ts';
import { Refusal } from './refusal.ts';

export interface WatchRequest {
  readonly orderID: bigint;
  /** The last change that the caller has. */
  readonly afterSeq?: number | undefined;
}

const FINAL: ReadonlySet<OrderStatus> = new Set(['failed', 'payed', 'cancelled']);

/**
 * The present status of the order, or the changes behind the one that the caller has; then every further change, until a final one.
 *
 * @throws {Refusal} order_not_found
 */
export async function* watchOrder(
  { changes, feed }: { readonly changes: Pick<ChangeReader, 'last'>; readonly feed: ChangeFeed },
  { orderID, afterSeq }: WatchRequest,
  context: Context,
): AsyncGenerator<OrderChange, void, undefined> {
  const last = await changes.last(orderID, context);
  if (!last) throw new Refusal({ reason: 'order_not_found', facts: { orderID } });
  if (afterSeq === undefined) yield last;
  // A change from the future, which no caller can have, counts as the last one.
  let seq = Math.min(afterSeq ?? last.seq, last.seq);
  let isFinal = seq === last.seq && FINAL.has(last.status);
  while (!isFinal) {
    for (const change of await feed.behind({ orderID, seq }, context)) {
      yield change;
      seq = change.seq;
      isFinal = FINAL.has(change.status);
    }
  }
}
