/** The ports of the domain. Repositories and peers implement them; tests use fakes. */

/**
 * The scope of a call. When its signal aborts, at the deadline or because the caller left, requests and statements in flight
 * are cancelled. Peers pass all of it on. Repositories of a transaction take none, because the transaction has it.
 */
export interface Context extends Origin {
  readonly signal: AbortSignal;
  readonly deadlineAt?: number;
}

/** Identifies where work began. Peers receive it and a pending purchase stores it, so that all work of a call is traceable. */
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

/** A cart as its user sees it, including the goods of a pending purchase. Lines ascend by sku. */
export interface CartReader {
  lines(user: bigint, context: Context): Promise<CartLine[]>;
}

export interface Carts {
  /** As in `CartReader`, inside the transaction. */
  lines(user: bigint): Promise<CartLine[]>;
  /** Locks the user's cart until the transaction ends. */
  lock(user: bigint): Promise<void>;
  add(user: bigint, line: CartLine): Promise<void>;
  /** Removes at most `count`; goods of a pending purchase come last. */
  remove(user: bigint, line: CartLine): Promise<void>;
}

export interface Shortage {
  readonly sku: number;
  readonly requested: number;
  readonly available: bigint;
}

/** How a purchase ended. `rejected`: loms refused the order for a reason that the user cannot fix. */
export type PurchaseOutcome =
  | { readonly state: 'ordered'; readonly orderID: bigint }
  | { readonly state: 'out of stock'; readonly orderID: bigint; readonly shortages: readonly Shortage[] }
  | { readonly state: 'cart empty' }
  | { readonly state: 'rejected' };

/** A recorded purchase without an outcome yet. */
export interface PendingPurchase {
  readonly state: 'pending';
  /** The idempotency key of every call to loms, so that loms makes one order. */
  readonly purchaseID: string;
  readonly user: bigint;
  readonly idempotencyKey: string | undefined;
  readonly items: readonly CartLine[];
  /** The call that began it. */
  readonly origin: Origin;
}

export interface Purchases {
  /** Finds by user and key: keys of different users never collide. */
  findByKey(user: bigint, idempotencyKey: string): Promise<PendingPurchase | PurchaseOutcome | undefined>;
  findPending(user: bigint): Promise<PendingPurchase | undefined>;
  /**
   * Moves all goods of the cart into a new purchase. `undefined` if the cart is empty; that outcome is stored under the key,
   * if there is one.
   */
  begin(user: bigint, idempotencyKey: string | undefined): Promise<PendingPurchase | undefined>;
  /**
   * Ends the purchase, once. Unless it was ordered, its goods return to the cart, except goods deleted since it began.
   * @returns whether this call ended it; false if another one was first
   */
  settle(purchase: PendingPurchase, outcome: PurchaseOutcome): Promise<boolean>;
}

export interface Repositories {
  readonly carts: Carts;
  readonly purchases: Purchases;
}

/** The unit of work: one transaction, all or nothing. The work may run more than once. */
export interface Store {
  /** @param context without it, the work continues after its caller has left */
  transaction<T>(work: (repositories: Repositories) => Promise<T>, context?: Context): Promise<T>;
}

/** Pending purchases that were interrupted. */
export interface UnfinishedPurchases {
  /** Claims up to `limit` purchases, each for a back-off that grows with its attempts. */
  claim(limit: number, context: Context): Promise<PendingPurchase[]>;
}

/** The backlog of pending purchases. */
export interface Unsettled {
  /** Counted up to a limit. */
  readonly count: number;
  /** Age of the oldest, in milliseconds; 0 if there is none. */
  readonly oldestMs: number;
}

export interface UnsettledReader {
  read(countMax: number, context: Context): Promise<Unsettled>;
}

/** The stock of loms. */
export interface Warehouse {
  /** Total on sale in all warehouses. */
  onSale(sku: number, context: Context): Promise<bigint>;
}

/** The orders of loms. */
export interface OrderDesk {
  /**
   * Makes one order of the purchase, even if it is called again.
   * Rejects if the outcome is unknown; then it must be called again.
   */
  order(purchase: PendingPurchase, context: Context): Promise<PurchaseOutcome>;
}

export interface Product {
  readonly name: string;
  readonly price: number;
}

/** What the product service says of a product. */
export interface ProductLookup<Answer> {
  product(sku: number, context: Context): Promise<Answer>;
}

/** Names and prices, also of archived products. An unknown product is the Refusal product_not_found. */
export type ProductCatalogue = ProductLookup<Product>;

export interface ProductState {
  /** False also if the product service does not say. */
  readonly archived: boolean;
}

/** Whether products may be added to carts. */
export type ProductStates = ProductLookup<ProductState>;
