import { checkout } from 'checkout/contract.ts';
import { loms } from 'loms/contract.ts';
import { notifications } from 'notifications/contract.ts';
import { products } from 'products/contract.ts';
import { createClient, createTokenBucket, fail, implement } from 'rpc-kit';
import type { RecordedCall } from './recorder.ts';
import { createRunIds, createUser, type User } from './user.ts';

/** For the unit tests: a user of a mesh in memory in which every call succeeds. */
export interface RecordedUser {
  readonly user: User;
  readonly calls: RecordedCall[];
  /** The methods in the order in which their calls ended. */
  methods(): string[];
}

interface Answers {
  /** addToCart fails: insufficient_stock. */
  readonly soldOut?: boolean;
  /** Purchases fail: these skus are out of stock. */
  readonly outOfStock?: readonly number[];
  /** Payments and cancellations are answered once this many are in flight. */
  readonly settledTogether?: number;
}

const ORDER_ID = 7n;

export function createRecordedUser(
  { soldOut = false, outOfStock = [], settledTogether = 1 }: Answers = {},
  over = new AbortController().signal,
): RecordedUser {
  const calls: RecordedCall[] = [];
  const clients = {
    checkout: createClient(checkout, implementCheckout(soldOut, outOfStock)),
    loms: createClient(loms, implementLoms(settledTogether)),
    products: createClient(products, implementProducts()),
    notifications: createClient(notifications, implementNotifications()),
  };
  const limiter = createTokenBucket({ tokens: 1_000, intervalMs: 1, waitersMax: 1 });
  const record = (call: RecordedCall) => calls.push(call);
  const ids = createRunIds(new Date('2026-01-02T03:04:05.678Z'));
  const user = createUser(0, ids, clients, { limiter, over, record });
  return { user, calls, methods: () => calls.map(({ method }) => method) };
}

function implementCheckout(soldOut: boolean, outOfStock: readonly number[]) {
  return implement(checkout, {
    async addToCart({ sku, count }) {
      if (!soldOut) return {};
      throw fail(checkout.methods.addToCart, 'insufficient_stock', { sku, requested: count, available: 0n });
    },
    deleteFromCart: async () => ({}),
    listCart: async () => ({ items: [], totalPrice: 0n }),
    async purchase() {
      if (outOfStock.length === 0) return { orderID: ORDER_ID };
      const shortages = outOfStock.map((sku) => ({ sku, requested: 1, available: 0n }));
      throw fail(checkout.methods.purchase, 'out_of_stock', { orderID: ORDER_ID, shortages });
    },
  });
}

function implementLoms(settledTogether: number) {
  const together = Promise.withResolvers<void>();
  let settling = 0;
  async function settle() {
    settling += 1;
    if (settling === settledTogether) together.resolve();
    await together.promise;
    return {};
  }
  return implement(loms, {
    createOrder: async () => ({ orderID: ORDER_ID }),
    listOrder: async () => ({ status: 'payed' as const, user: 1n, items: [] }),
    getOrder: async () => ({
      orderID: ORDER_ID,
      user: 1n,
      status: 'payed' as const,
      createdAt: new Date(0),
      items: [],
    }),
    async *watchOrder() {
      yield { seq: 3, status: 'payed' as const, at: new Date(0) };
    },
    listOrders: async () => ({ orders: [] }),
    adjustStock: async () => ({ onSale: 1n }),
    orderPayed: settle,
    cancelOrder: settle,
    stocks: async () => ({ stocks: [] }),
  });
}

/** A catalogue in which each product exists and each change is made. */
function implementProducts() {
  const product = { name: 'a lamp', price: 1, version: 1, archived: false };
  const changed = async ({ sku, version }: { sku: number; version: number }) => ({
    ...product,
    sku,
    version: version + 1,
  });
  return implement(products, {
    get_product: async () => product,
    list_skus: async () => ({ skus: [] }),
    get_products: async ({ skus }) => ({ products: skus.map((sku) => ({ ...product, sku })) }),
    list_products: async () => ({ products: [] }),
    create_product: async ({ sku }) => ({ ...product, sku }),
    update_product: changed,
    archive_product: changed,
  });
}

function implementNotifications() {
  return implement(notifications, {
    deliver: async () => ({}),
    deliverEvents: async () => ({ refused: [] }),
    history: async () => ({ notifications: [] }),
  });
}
