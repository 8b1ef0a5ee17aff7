import { type Allocation, allocateInTurn } from './allocate.ts';
import type {
  Context,
  EarlierAnswer,
  FirstSteps,
  IdempotencyKeys,
  Item,
  KeyClaim,
  Repositories,
  Store,
} from './ports.ts';
import { Refusal } from './refusal.ts';

export interface OrderRequest {
  readonly user: bigint;
  readonly items: readonly Item[];
  readonly idempotencyKey?: string | undefined;
  /** The name of the calling service; its keys are its own. */
  readonly caller: string;
}

/** A call for one order. */
export interface OrderCall {
  readonly user: bigint;
  /** One line a sku, ascending. */
  readonly items: readonly Item[];
  readonly claim: KeyClaim | undefined;
  readonly context: Context;
}

/** What one line of an order can hold: uint16. */
const COUNT_MAX = 65_535;

/** @throws {Refusal} count_too_large when the lines of one sku add up too high */
export function toOrderCall({ user, items, idempotencyKey, caller }: OrderRequest, context: Context): OrderCall {
  const merged = mergeItems(items);
  const key = idempotencyKey === undefined ? undefined : { text: idempotencyKey, caller, user };
  return { user, items: merged, claim: key && { key, body: toBody(user, merged) }, context };
}

/**
 * Saves the orders and reserves their goods in one transaction. Each order gets all of its goods or none; earlier ones choose first.
 *
 * @param calls with different idempotency keys
 * @returns for each call the id of its order or an error: out_of_stock when goods are missing, and the order is kept as failed;
 * idempotency_conflict when the key came with another body before; the signal's reason when the caller left early enough
 */
export async function createOrders(
  store: Store,
  calls: readonly OrderCall[],
  context: Context,
): Promise<(bigint | Error)[]> {
  const answers = await store.transaction((repositories) => place(repositories, calls), context);
  return calls.map((call) => {
    const answer = answers.get(call);
    if (answer === undefined) return call.context.signal.reason;
    if (answer === 'other body') return new Refusal({ reason: 'idempotency_conflict' });
    return answer.shortages.length > 0 ? new Refusal({ reason: 'out_of_stock', facts: answer }) : answer.orderID;
  });
}

type Answers = Map<OrderCall, EarlierAnswer>;

/**
 * The goods are locked before the keys are read: a call with the same goods and the same key, in another replica, has ended by then.
 * A repeated call locks its goods needlessly, which costs less than a further round trip in each group.
 */
async function place({ idempotencyKeys, stocks, orders }: Repositories, calls: readonly OrderCall[]) {
  const skus = new Set(calls.flatMap(({ items }) => items.map(({ sku }) => sku)));
  const [onSale, answers] = await Promise.all([
    stocks.lockOnSale([...skus].toSorted((a, b) => a - b)),
    findAnswers(idempotencyKeys, calls),
  ]);
  // The locks may have taken long. A call whose caller left meanwhile creates no order.
  const open = calls.filter((call) => !answers.has(call) && !call.context.signal.aborted);
  if (open.length === 0) return answers;
  const allocations = allocateInTurn(
    open.map(({ items }) => items),
    onSale,
  );
  const chosen = open.map((call, index) => ({ ...call, ...(allocations[index] as Allocation) }));
  const steps = await orders.create(chosen);
  for (const [index, call] of open.entries()) {
    const [{ orderID }] = steps[index] as FirstSteps;
    answers.set(call, { orderID, shortages: (allocations[index] as Allocation).shortages });
  }
  return answers;
}

/** The answers to repeated calls. */
async function findAnswers(keys: IdempotencyKeys, calls: readonly OrderCall[]): Promise<Answers> {
  const withKey = calls.flatMap((call) => (call.claim ? [{ call, claim: call.claim }] : []));
  const found = withKey.length > 0 ? await keys.find(withKey.map(({ claim }) => claim)) : [];
  return new Map(withKey.flatMap(({ call }, index) => (found[index] ? [[call, found[index]]] : [])));
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
