import { allocateInTurn } from './allocate.ts';
import type {
  ClaimAnswer,
  Context,
  FirstSteps,
  IdempotencyKey,
  IdempotencyKeys,
  Item,
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
  readonly key: IdempotencyKey | undefined;
  readonly context: Context;
}

/** What one line of an order can hold: uint16. */
const COUNT_MAX = 65_535;

/** @throws {Refusal} count_too_large when the lines of one sku add up too high */
export function toOrderCall({ user, items, idempotencyKey, caller }: OrderRequest, context: Context): OrderCall {
  const key = idempotencyKey === undefined ? undefined : { text: idempotencyKey, caller, user };
  return { user, items: mergeItems(items), key, context };
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

type Answers = Map<OrderCall, Exclude<ClaimAnswer, 'claimed'>>;

async function place({ idempotencyKeys, stocks, orders, outbox }: Repositories, calls: readonly OrderCall[]) {
  const answers: Answers = new Map();
  const unanswered = await claimKeys(idempotencyKeys, calls, answers);
  if (unanswered.length === 0) return answers;
  const skus = new Set(unanswered.flatMap(({ items }) => items.map(({ sku }) => sku)));
  const onSale = await stocks.lockOnSale([...skus].toSorted((a, b) => a - b));
  const present = await leaveOutLeavers(idempotencyKeys, unanswered);
  const allocations = allocateInTurn(
    present.map(({ items }) => items),
    onSale,
  );
  const chosen = allocations.map((allocation, index) => ({ call: present[index] as OrderCall, ...allocation }));
  const steps = await orders.create(chosen.map(({ call, ...allocation }) => ({ ...call, ...allocation })));
  const placed = chosen.map((choice, index) => ({ ...choice, steps: steps[index] as FirstSteps }));
  await outbox.add(placed.flatMap(({ call, steps }) => steps.map((step) => ({ ...step, cause: call.context }))));
  for (const { call, steps, shortages } of placed) answers.set(call, { orderID: steps[0].orderID, shortages });
  return answers;
}

/** @returns the calls that have no answer yet */
async function claimKeys(keys: IdempotencyKeys, calls: readonly OrderCall[], answers: Answers): Promise<OrderCall[]> {
  const withKey = calls.flatMap((call) => (call.key ? [{ call, key: call.key, body: toBody(call) }] : []));
  const claimed = withKey.length > 0 ? await keys.claim(withKey) : [];
  for (const [index, answer] of claimed.entries()) {
    const { call } = withKey[index] as (typeof withKey)[number];
    if (answer !== 'claimed') answers.set(call, answer);
  }
  return calls.filter((call) => !answers.has(call));
}

/** The locks may have taken long. A call whose caller left meanwhile creates no order, and frees its key. */
async function leaveOutLeavers(keys: IdempotencyKeys, calls: readonly OrderCall[]): Promise<readonly OrderCall[]> {
  // A caller that leaves later, such as during the release of the keys, gets its order: its key is not among those released.
  const { present = [], left = [] } = Object.groupBy(calls, ({ context }) =>
    context.signal.aborted ? 'left' : 'present',
  );
  const leftKeys = left.flatMap(({ key }) => key ?? []);
  if (leftKeys.length > 0) await keys.release(leftKeys);
  return present;
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
function toBody({ user, items }: OrderCall): string {
  return [user, ...items.map(({ sku, count }) => `${sku}*${count}`)].join(' ');
}
