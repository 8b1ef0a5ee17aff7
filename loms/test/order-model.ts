/** What is expected of orders and stock, said as simply as can be: one call after the other, everything in memory. */

export interface Line {
  readonly sku: number;
  readonly count: number;
}

export interface OrderRequest {
  readonly user: bigint;
  readonly items: readonly Line[];
  readonly key: string | undefined;
}

export interface Shortage {
  readonly sku: number;
  readonly requested: number;
  readonly available: bigint;
}

export type Status = 'awaiting payment' | 'failed' | 'payed' | 'cancelled';

export interface ModelOrder {
  readonly user: bigint;
  /** One a sku, ascending. */
  readonly items: readonly Line[];
  readonly shortages: readonly Shortage[];
  status: Status;
  /** Known from the first answer on. */
  orderID: bigint | undefined;
}

/** Of one sku, in all warehouses together. */
export interface ModelStock {
  onSale: bigint;
  reserved: bigint;
  sold: bigint;
}

/** What createOrder answers: the order, made or failed, or a reason or code. */
export type Answer = ModelOrder | 'idempotency_conflict' | 'invalid_params';

export interface OrderModel {
  readonly orders: readonly ModelOrder[];
  readonly stocks: ReadonlyMap<number, ModelStock>;
  /** What was asked for under the keys that are taken. */
  readonly requests: ReadonlyMap<string, OrderRequest>;
  create(request: OrderRequest): Answer;
  /** @returns the reason of a refusal */
  pay(order: ModelOrder): 'order_not_payable' | undefined;
  /** @returns the reason of a refusal */
  cancel(order: ModelOrder): 'order_not_cancellable' | undefined;
  expire(order: ModelOrder): void;
}

/** What one line of an order can hold. */
const COUNT_MAX = 65_535;

export function createOrderModel(supply: ReadonlyMap<number, bigint>): OrderModel {
  const orders: ModelOrder[] = [];
  const requests = new Map<string, OrderRequest>();
  const byKey = new Map<string, ModelOrder>();
  const stocks = new Map([...supply].map(([sku, onSale]) => [sku, { onSale, reserved: 0n, sold: 0n }]));
  const stockOf = (sku: number): ModelStock => stocks.get(sku) ?? { onSale: 0n, reserved: 0n, sold: 0n };

  function place(user: bigint, items: readonly Line[]): ModelOrder {
    const shortages = items
      .map(({ sku, count }) => ({ sku, requested: count, available: stockOf(sku).onSale }))
      .filter(({ requested, available }) => available < BigInt(requested));
    const status = shortages.length > 0 ? 'failed' : 'awaiting payment';
    const order: ModelOrder = { user, items, shortages, status, orderID: undefined };
    if (status === 'awaiting payment') shift(order, 'onSale', 'reserved');
    orders.push(order);
    return order;
  }

  function shift({ items }: ModelOrder, from: keyof ModelStock, to: keyof ModelStock): void {
    for (const { sku, count } of items) {
      const stock = stockOf(sku);
      stock[from] -= BigInt(count);
      stock[to] += BigInt(count);
    }
  }

  function end(order: ModelOrder, as: 'payed' | 'cancelled'): boolean {
    if (order.status !== 'awaiting payment') return order.status === as;
    order.status = as;
    shift(order, 'reserved', as === 'payed' ? 'sold' : 'onSale');
    return true;
  }

  return {
    orders,
    stocks,
    requests,
    create(request) {
      const { user, key } = request;
      const items = merged(request.items);
      if (items.some(({ count }) => count > COUNT_MAX)) return 'invalid_params';
      const name = key === undefined ? undefined : `${user} ${key}`;
      const earlier = name === undefined ? undefined : byKey.get(name);
      if (earlier) return isSame(earlier, { user, items }) ? earlier : 'idempotency_conflict';
      const order = place(user, items);
      if (key !== undefined && name !== undefined) {
        byKey.set(name, order);
        requests.set(key, request);
      }
      return order;
    },
    pay: (order) => (end(order, 'payed') ? undefined : 'order_not_payable'),
    cancel: (order) => (end(order, 'cancelled') ? undefined : 'order_not_cancellable'),
    expire: (order) => void (order.status === 'awaiting payment' && end(order, 'cancelled')),
  };
}

/** One line a sku, ascending. */
function merged(items: readonly Line[]): Line[] {
  const skus = [...new Set(items.map(({ sku }) => sku))].toSorted((a, b) => a - b);
  const sumOf = (sku: number) => items.reduce((sum, item) => sum + (item.sku === sku ? item.count : 0), 0);
  return skus.map((sku) => ({ sku, count: sumOf(sku) }));
}

function isSame(a: Pick<ModelOrder, 'user' | 'items'>, b: Pick<ModelOrder, 'user' | 'items'>): boolean {
  const wordsOf = ({ user, items }: typeof a) => [user, ...items.map(({ sku, count }) => `${count} of ${sku}`)].join();
  return wordsOf(a) === wordsOf(b);
}
