/** The ports of the domain. Repositories and the outbox implement them; tests use stubs. */

/**
 * The call that the work belongs to. When its signal aborts, at the deadline or because the caller left, requests and
 * statements in flight are cancelled. Repositories of a transaction take none, since the transaction was begun with it.
 */
export interface Context {
  readonly signal: AbortSignal;
  /** Background work has none of these. */
  readonly deadlineAt?: number;
  /** Stored with the events that the call causes, so that a trace leads from the call to the notification. */
  readonly requestId?: string;
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
  readonly baggage?: string | undefined;
}

export type OrderStatus = 'new' | 'awaiting payment' | 'failed' | 'payed' | 'cancelled';

/** How an order that awaits payment ends. */
export type Settled = 'payed' | 'cancelled';

export interface Item {
  readonly sku: number;
  readonly count: number;
}

export interface Order {
  readonly orderID: bigint;
  readonly user: bigint;
  readonly status: OrderStatus;
}

/** One step of an order's life. `seq` counts an order's steps from 1 without gaps. */
export interface StatusChange {
  readonly orderID: bigint;
  readonly seq: number;
  readonly user: bigint;
  readonly status: OrderStatus;
  readonly at: Date;
}

/** A change of an order whose id the reader knows. */
export type OrderChange = Pick<StatusChange, 'seq' | 'status' | 'at'>;

/** An order is `new` only inside of the transaction that creates it. */
export type FirstSteps = readonly [created: StatusChange, settled: StatusChange];

/** Goods on sale in one warehouse. */
export interface Stock {
  readonly sku: number;
  readonly warehouseID: bigint;
  readonly count: bigint;
}

/** Goods that an order reserves in one warehouse. */
export interface Reservation {
  readonly sku: number;
  readonly warehouseID: bigint;
  readonly count: number;
}

export interface Shortage {
  readonly sku: number;
  readonly requested: number;
  readonly available: bigint;
}

/** The goods of one sku in one warehouse. */
export interface Place {
  readonly sku: number;
  readonly warehouseID: bigint;
}

/** Goods that come in (a `delta` above 0) or are written off. */
export interface Adjustment extends Place {
  readonly delta: bigint;
  readonly idempotencyKey: string;
  /** The name of the calling service, which its upgrades keep; '' for a caller without a name. */
  readonly caller: string;
  /** The admin who asks for it. A key belongs to the caller and the actor. */
  readonly actor?: bigint | undefined;
}

/** How adjustStock ended: what is on sale afterwards. A refused adjustment changed nothing. */
export interface AdjustmentOutcome {
  readonly onSale: bigint;
  readonly refusal?: 'insufficient_stock' | 'stock_too_large' | undefined;
}

/** How createOrder ended: with shortages, the order is a failed one. */
export interface OrderOutcome {
  readonly orderID: bigint;
  readonly shortages: readonly Shortage[];
}

/** An order whose goods are chosen. With shortages it gets none, and becomes a failed one. */
export interface NewOrder {
  readonly user: bigint;
  readonly items: readonly Item[];
  readonly claim: KeyClaim | undefined;
  readonly reservations: readonly Reservation[];
  readonly shortages: readonly Shortage[];
  /** The call that makes the order; its events are stored with it. */
  readonly context: Context;
}

/** A call to pay or cancel one order; the event is stored with its context. */
export interface SettleCall {
  readonly orderID: bigint;
  readonly context: Context;
}

/** An order with its items, by sku. */
export interface ShownOrder extends Order {
  readonly createdAt: Date;
  readonly items: readonly Item[];
}

/** The orders of one user, of all statuses or of one. */
export interface OrderFilter {
  readonly user: bigint;
  readonly status?: OrderStatus | undefined;
}

/** Reads that need no transaction. */
export interface OrderReader {
  find(orderID: bigint, context: Context): Promise<ShownOrder | undefined>;
  /**
   * Newest first.
   * @param after only orders behind this one
   */
  list(
    filter: OrderFilter,
    countMax: number,
    after: Pick<Order, 'orderID'> | undefined,
    context: Context,
  ): Promise<ShownOrder[]>;
}

/** A place in the life of an order. */
export type OrderPlace = Pick<StatusChange, 'orderID' | 'seq'>;

export interface ChangeReader {
  /** The last change of the order, if there is such an order. */
  last(orderID: bigint, context: Context): Promise<OrderChange | undefined>;
  /** The changes behind each of the places, by seq; of each order the first few. */
  behind(
    places: readonly OrderPlace[],
    context: Context,
  ): Promise<readonly (OrderChange & Pick<StatusChange, 'orderID'>)[]>;
}

/** Changes as they happen, in whatever process. */
export interface ChangeFeed {
  /** Resolves with the changes behind the place as soon as there are some. */
  behind(place: OrderPlace, context: Context): Promise<readonly OrderChange[]>;
}

export interface StockReader {
  /** Only warehouses with something to sell, ascending. */
  onSale(sku: number, context: Context): Promise<Stock[]>;
}

export interface Orders {
  /**
   * Saves the orders as `new` and moves each to its next status, with an event for each step, reserves their goods, and stores their
   * outcomes under their keys. The stock is locked by then. The transaction has lost a race if a key is stored already.
   * @returns both steps of each order, in the order of the orders
   */
  create(orders: readonly NewOrder[]): Promise<FirstSteps[]>;
  /**
   * Moves those of the orders that await payment, with an event for each, and their goods: reserved goods are sold, or back on sale.
   * Locks the orders, then the stock, each in ascending order.
   */
  settle(calls: readonly SettleCall[], to: Settled): Promise<StatusChange[]>;
  find(orderIDs: readonly bigint[]): Promise<Order[]>;
  /** Locks an order that awaits payment beyond its time and that no other transaction has locked. */
  lockOverdue(orderID: bigint): Promise<Order | undefined>;
}

export interface Stocks {
  /** Reads the stock on sale of the skus, and locks it until the transaction ends. Locks in ascending order. */
  lockOnSale(skus: readonly number[]): Promise<Stock[]>;
  /** Creates the place's stock without goods if there is none. */
  create(place: Place): Promise<void>;
  /** Reads the place's stock and locks it until the transaction ends. */
  lock(place: Place): Promise<{ readonly supplied: bigint; readonly onSale: bigint } | undefined>;
  /** Adds to what is supplied and on sale; a `delta` below 0 takes off. */
  supply(place: Place, delta: bigint): Promise<void>;
}

/** Adjustments of stock and their outcomes: the audit of stock, and the idempotency keys of adjustStock. */
export interface Adjustments {
  /**
   * Claims the key for this adjustment, or answers the outcome of the call that claimed it before.
   * A call with the same key that is still under way is waited for.
   */
  claim(adjustment: Adjustment): Promise<'claimed' | 'other body' | AdjustmentOutcome>;
  /** Stores the outcome that later calls with the key are answered. */
  settle(adjustment: Adjustment, outcome: AdjustmentOutcome): Promise<void>;
}

/** The same text from another caller, or for another user, is another key: no caller can use up the key of another one. */
export interface IdempotencyKey {
  readonly text: string;
  /** The name of the calling service, which its upgrades keep; '' for a caller without a name. */
  readonly caller: string;
  readonly user: bigint;
}

export interface KeyClaim {
  readonly key: IdempotencyKey;
  readonly body: string;
}

/** What the call that used a key before was answered, or that it had another body. */
export type EarlierAnswer = 'other body' | OrderOutcome;

export interface IdempotencyKeys {
  /**
   * @param claims of different keys
   * @returns an answer to each claim, in the order of the claims; `undefined` for a new key
   */
  find(claims: readonly KeyClaim[]): Promise<(EarlierAnswer | undefined)[]>;
}

export interface Repositories {
  readonly orders: Orders;
  readonly stocks: Stocks;
  readonly idempotencyKeys: IdempotencyKeys;
  readonly adjustments: Adjustments;
}

/** The unit of work: a transaction commits whole or not at all. A lost race repeats the work. */
export interface Store {
  transaction<T>(work: (repositories: Repositories) => Promise<T>, context: Context): Promise<T>;
}

export interface OverdueOrder {
  readonly orderID: bigint;
  /** When its time was over, to the last digit, as the database writes it. */
  readonly dueAt: string;
}

/** Orders that await payment beyond their time, the oldest first. */
export interface OverdueOrders {
  /** @param after the last order of the page before; without it, the list begins with the oldest */
  list(limit: number, after: OverdueOrder | undefined, context: Context): Promise<OverdueOrder[]>;
  /** In how many milliseconds the next order becomes overdue that is not yet. */
  nextDueMs(context: Context): Promise<number | undefined>;
}

/** Orders that await payment. */
export interface Awaiting {
  /** Counted up to a limit. */
  readonly orders: number;
  /** How long the time to pay of the first of them has been over, in milliseconds; 0 where none is. */
  readonly overdueMs: number;
}

export interface AwaitingReader {
  read(countMax: number, context: Context): Promise<Awaiting>;
}
