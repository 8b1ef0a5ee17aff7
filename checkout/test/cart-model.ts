/** The simplest model of carts and purchases: one call after the other, in memory. */

export type Goods = Record<number, number>;

/** What loms and the process do during one call. */
export interface Mood {
  readonly loms: 'answers' | 'refuses' | 'is down' | 'loses the reply' | 'refuses and loses the reply';
  readonly crashAt: 'before the commit' | 'after the commit' | undefined;
}

export interface ModelPurchase {
  readonly user: ModelUser;
  readonly goods: Goods;
  /** Goods of the purchase deleted from the cart while it was pending. */
  readonly deleted: Goods;
  state: 'pending' | 'ordered' | 'refused' | 'cart empty';
  /** loms decides once. */
  decision: 'ordered' | 'refused' | undefined;
  /** Known from the first answer on. */
  orderID: bigint | undefined;
}

export interface ModelUser {
  readonly id: bigint;
  /** In the cart, and in no purchase. */
  free: Goods;
  pending: ModelPurchase | undefined;
  readonly added: Goods;
  /** What was in the cart before and is neither in it nor ordered. */
  readonly removed: Goods;
  readonly ordered: Goods;
  /** By their keys, which are the user's own. */
  readonly purchases: Map<string, ModelPurchase>;
}

/** How a purchase is answered: by its order or refusal, or with a code. */
export type Answer = ModelPurchase | 'unavailable' | 'internal';

export interface CartModel {
  readonly users: readonly ModelUser[];
  add(user: ModelUser, sku: number, count: number): void;
  remove(user: ModelUser, sku: number, count: number): void;
  purchase(user: ModelUser, key: string | undefined, mood: Mood): Answer;
  /** @returns whether the pending purchase could not be finished */
  resume(user: ModelUser, mood: Mood): boolean;
}

export function createCartModel(userIDs: readonly bigint[]): CartModel {
  function begin(user: ModelUser, key: string | undefined): ModelPurchase {
    const state = Object.keys(user.free).length === 0 ? 'cart empty' : 'pending';
    const begun = { user, goods: user.free, deleted: {}, state, decision: undefined, orderID: undefined } as const;
    const purchase: ModelPurchase = { ...begun };
    user.free = {};
    if (state === 'pending') user.pending = purchase;
    if (key !== undefined) user.purchases.set(key, purchase);
    return purchase;
  }

  return {
    users: userIDs.map((id) => ({
      id,
      free: {},
      pending: undefined,
      added: {},
      removed: {},
      ordered: {},
      purchases: new Map(),
    })),

    add(user, sku, count) {
      put(user.free, sku, count);
      put(user.added, sku, count);
    },

    remove(user, sku, count) {
      const free = Math.min(count, user.free[sku] ?? 0);
      put(user.free, sku, -free);
      put(user.removed, sku, free);
      if (!user.pending) return;
      const { goods, deleted } = user.pending;
      put(deleted, sku, Math.min(count - free, (goods[sku] ?? 0) - (deleted[sku] ?? 0)));
    },

    purchase(user, key, mood) {
      const earlier = key === undefined ? undefined : user.purchases.get(key);
      const own = earlier ?? (key === undefined ? user.pending : undefined);
      if (own) return finish(own, mood) ?? own;
      const failure = user.pending && finish(user.pending, mood);
      if (failure) return failure;
      const begun = begin(user, key);
      return finish(begun, mood) ?? begun;
    },

    resume(user, mood) {
      return user.pending !== undefined && finish(user.pending, mood) !== undefined;
    },
  };
}

/** The goods that the cart shows. */
export function shownTo({ free, pending }: ModelUser): Goods {
  const shown = { ...free };
  for (const [sku, count] of entriesOf(pending?.goods ?? {})) put(shown, sku, count - (pending?.deleted[sku] ?? 0));
  return shown;
}

/** All goods ever added must be accounted for. */
export function accountedFor({ ordered, removed }: ModelUser, cart: Goods): Goods {
  const all = { ...cart };
  for (const [sku, count] of [...entriesOf(ordered), ...entriesOf(removed)]) put(all, sku, count);
  return all;
}

export function put(goods: Goods, sku: number, count: number): void {
  goods[sku] = (goods[sku] ?? 0) + count;
  if (goods[sku] === 0) delete goods[sku];
}

function finish(purchase: ModelPurchase, { loms, crashAt }: Mood): 'unavailable' | 'internal' | undefined {
  if (purchase.state !== 'pending') return undefined;
  const { user } = purchase;
  if (loms === 'is down') return 'unavailable';
  if (!purchase.decision) {
    purchase.decision = loms.startsWith('refuses') ? 'refused' : 'ordered';
    if (purchase.decision === 'ordered')
      for (const [sku, count] of entriesOf(purchase.goods)) put(user.ordered, sku, count);
  }
  if (loms.endsWith('loses the reply')) return 'unavailable';
  if (crashAt === 'before the commit') return 'internal';
  settle(purchase, purchase.decision);
  return crashAt === 'after the commit' ? 'internal' : undefined;
}

function settle(purchase: ModelPurchase, decision: 'ordered' | 'refused'): void {
  const { user, goods, deleted } = purchase;
  purchase.state = decision;
  user.pending = undefined;
  if (decision === 'ordered') return;
  for (const [sku, count] of entriesOf(goods)) put(user.free, sku, count - (deleted[sku] ?? 0));
  for (const [sku, count] of entriesOf(deleted)) put(user.removed, sku, count);
}

export function entriesOf(goods: Goods): [sku: number, count: number][] {
  return Object.entries(goods).map(([sku, count]) => [Number(sku), count]);
}
