import { allocate } from './allocate.ts';
import type { Context, Item, OrderOutcome, Repositories, Store } from './ports.ts';
import { Refusal } from './refusal.ts';

export interface OrderRequest {
  readonly user: bigint;
  readonly items: readonly Item[];
  readonly idempotencyKey?: string | undefined;
  /** The name of the calling service; its keys are its own. */
  readonly caller: string;
}

/** What one line of an order can hold: uint16. */
const COUNT_MAX = 65_535;

/**
 * Saves the order and reserves its goods, all or nothing, in one transaction.
 *
 * @returns the new order's id
 * @throws {Refusal} out_of_stock when goods are missing, and the order is kept as failed; idempotency_conflict when the key
 * came with another body before; count_too_large when the lines of one sku add up too high
 */
export async function createOrder(store: Store, request: OrderRequest, context: Context): Promise<bigint> {
  const items = mergeItems(request.items);
  const { orderID, shortages } = await store.transaction(
    (repositories) => placeOnce(repositories, request, items, context),
    context,
  );
  if (shortages.length > 0) throw new Refusal({ reason: 'out_of_stock', facts: { orderID, shortages } });
  return orderID;
}

async function placeOnce(
  repositories: Repositories,
  { user, idempotencyKey, caller }: OrderRequest,
  items: readonly Item[],
  cause: Context,
): Promise<OrderOutcome> {
  if (idempotencyKey === undefined) return place(repositories, user, items, cause);
  const key = { text: idempotencyKey, caller, user };
  const claim = await repositories.idempotencyKeys.claim(key, toBody(user, items));
  if (claim === 'other body') throw new Refusal({ reason: 'idempotency_conflict' });
  if (claim !== 'claimed') return claim;
  const outcome = await place(repositories, user, items, cause);
  await repositories.idempotencyKeys.settle(key, outcome);
  return outcome;
}

async function place(
  { orders, stocks, outbox }: Repositories,
  user: bigint,
  items: readonly Item[],
  cause: Context,
): Promise<OrderOutcome> {
  const { reservations, shortages } = allocate(items, await stocks.lockOnSale(items.map((item) => item.sku)));
  const steps = await orders.create(user, items, shortages.length === 0 ? 'awaiting payment' : 'failed');
  const [{ orderID }] = steps;
  if (shortages.length === 0) await stocks.reserve(orderID, reservations);
  await outbox.add(steps.map((step) => ({ ...step, cause })));
  return { orderID, shortages };
}

/** One line a sku, ascending: the same sku twice counts as the sum. */
function mergeItems(items: readonly Item[]): Item[] {
  const counts = new Map<number, number>();
  for (const { sku, count } of items) {
    const sum = (counts.get(sku) ?? 0) + count;
    if (sum > COUNT_MAX) throw new Refusal({ reason: 'count_too_large', facts: { sku, countMax: COUNT_MAX } });
    counts.set(sku, sum);
  }
  return [...counts].map(([sku, count]) => ({ sku, count })).toSorted((a, b) => a.sku - b.sku);
}

/** Two requests that mean the same order have the same body. */
function toBody(user: bigint, items: readonly Item[]): string {
  return [user, ...items.map(({ sku, count }) => `${sku}*${count}`)].join(' ');
}
