/** What the domain asks of the world. Repositories and peers fulfil it; tests put fakes in their place. */

/**
 * Who waits for the work. Whatever may take time is handed it: when the signal aborts, at the deadline or because the caller
 * left, requests and statements under way are cut off. Peers hand all of it on, so that a call is cut off, timed and traced
 * as one. Repositories of a transaction take none: they belong to the transaction, which was begun with it.
 */
export interface Context extends Origin {
  readonly signal: AbortSignal;
  readonly deadlineAt?: number;
}

/** Where work began: peers are handed it, and an unfinished purchase keeps it, so that all can be followed to there. */
export interface Origin {
  readonly requestId?: string | undefined;
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
  readonly baggage?: string | undefined;
}

export interface CartLine {
  readonly sku: number;
  readonly count: number;
}

/** A cart as its user sees it: goods of an unfinished purchase are still in it. Lines ascend by sku. */
export interface CartReader {
  lines(user: bigint, context: Context): Promise<CartLine[]>;
}

export interface Carts {
  /** As of `CartReader`, inside the transaction. */
  lines(user: bigint): Promise<CartLine[]>;
  /** Keeps everyone else from changing the user's cart until the transaction ends. */
  lock(user: bigint): Promise<void>;
  add(user: bigint, line: CartLine): Promise<void>;
  /** Takes off as much as there is, at most `count`; goods that an unfinished purchase holds come last. */
  remove(user: bigint, line: CartLine): Promise<void>;
}

export interface Shortage {
  readonly sku: number;
  readonly requested: number;
  readonly available: bigint;
}

/** How a purchase ended. `rejected` is loms refusing for a reason that no user can mend. */
export type PurchaseOutcome =
  | { readonly state: 'ordered'; readonly orderID: bigint }
  | { readonly state: 'out of stock'; readonly orderID: bigint; readonly shortages: readonly Shortage[] }
  | { readonly state: 'cart empty' }
  | { readonly state: 'rejected' };

/** A purchase that was recorded and whose outcome is not known yet. */
export interface PendingPurchase {
  readonly state: 'pending';
  /** What loms is asked with, however often: it makes one order of it. */
  readonly purchaseID: string;
  readonly user: bigint;
  readonly idempotencyKey: string | undefined;
  readonly items: readonly CartLine[];
  /** Of the call that began it. */
  readonly origin: Origin;
}

export interface Purchases {
  /** The user's purchase with this key; the same key of another user is another key. */
  findByKey(user: bigint, idempotencyKey: string): Promise<PendingPurchase | PurchaseOutcome | undefined>;
  findPending(user: bigint): Promise<PendingPurchase | undefined>;
  /**
   * Moves everything that is in the cart into a new purchase; `undefined` when the cart is empty, which is remembered
   * under the key, where there is one.
   */
  begin(user: bigint, idempotencyKey: string | undefined): Promise<PendingPurchase | undefined>;
  /**
   * Ends the purchase, once. When it was not ordered, its goods go back into the cart, less what was deleted meanwhile.
   * @returns whether this ended it; false where somebody else was faster
   */
  settle(purchase: PendingPurchase, outcome: PurchaseOutcome): Promise<boolean>;
}

export interface Repositories {
  readonly carts: Carts;
  readonly purchases: Purchases;
}

/** The unit of work: what happens inside one transaction happens whole or not at all. It may run more than once. */
export interface Store {
  /** @param context without it, the work is finished whoever has left meanwhile */
  transaction<T>(work: (repositories: Repositories) => Promise<T>, context?: Context): Promise<T>;
}

/** Pending purchases that nobody has finished for a while. */
export interface UnfinishedPurchases {
  /** Takes up to `limit`; nobody else takes them up until they have rested, longer after each attempt. */
  claim(limit: number, context: Context): Promise<PendingPurchase[]>;
}

/** Purchases whose outcome is not known yet. */
export interface Unsettled {
  /** Counted up to a limit. */
  readonly count: number;
  /** How long ago the oldest of them began, in milliseconds; 0 where there is none. */
  readonly oldestMs: number;
}

export interface UnsettledReader {
  read(countMax: number, context: Context): Promise<Unsettled>;
}

/** loms's stock. */
export interface Warehouse {
  /** How much is on sale, in all warehouses together. */
  onSale(sku: number, context: Context): Promise<bigint>;
}

/** loms's orders. */
export interface OrderDesk {
  /**
   * Makes one order of the purchase, however often it is asked.
   * Rejects when it is not known what became of it; then it has to be asked again.
   */
  order(purchase: PendingPurchase, context: Context): Promise<PurchaseOutcome>;
}

export interface Product {
  readonly name: string;
  readonly price: number;
}

/** The product service. */
export interface ProductCatalogue {
  /** @throws {Refusal} product_not_found */
  product(sku: number, context: Context): Promise<Product>;
}
