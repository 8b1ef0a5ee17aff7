import assert from 'node:assert/strict';
import { loms } from 'loms/contract.ts';
import { pino } from 'pino';
import { type Call, fail, implement, type ParamsOf, RpcError, serveHttp } from 'rpc-kit';

const { createOrder } = loms.methods;

export type OrderRequest = ParamsOf<typeof createOrder>;

export interface FakeOrder extends Pick<OrderRequest, 'user' | 'items'> {
  readonly orderID: bigint;
  readonly isFailed: boolean;
}

/** Ways to process a request for an order. The first decision on a key is the answer to every repetition. */
export interface Desk {
  readonly request: OrderRequest;
  /** Makes the order, or stores it as failed if goods are missing. */
  order(): { orderID: bigint };
  /** Stores it as failed. */
  refuse(): never;
}

/** The result of a request for an order. */
export type Behaviour = (desk: Desk, call: Call) => Promise<{ orderID: bigint }>;

const unavailable = () => new RpcError('unavailable', 'loms is out for a moment');

export const answer: Behaviour = async (desk) => desk.order();
export const refuse: Behaviour = async (desk) => desk.refuse();
export const failBefore: Behaviour = async () => {
  throw unavailable();
};
/** Processes the request, and loses the answer. */
export const loseReply: Behaviour = async (desk) => {
  await answer(desk, {} as Call).catch(() => {});
  throw unavailable();
};
export const refuseAndLoseReply: Behaviour = async (desk) => {
  await refuse(desk, {} as Call).catch(() => {});
  throw unavailable();
};
/** Never answers. */
export const hang: Behaviour = (_desk, { signal }) => aborted(signal);
/** Processes the request, and never answers. */
export const answerTooLate: Behaviour = async (desk, { signal }) => {
  desk.order();
  return aborted(signal);
};

function aborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  return promise;
}

/** loms in memory, as a service of its own over HTTP: idempotent orders, and stock that they take from. */
export interface FakeLoms extends AsyncDisposable {
  readonly url: string;
  behaviour: Behaviour;
  /** Requests for orders, as they came. */
  readonly requests: (OrderRequest & { readonly call: Call })[];
  readonly orders: FakeOrder[];
  /** What is on sale, by sku; of other skus there is plenty. */
  readonly stock: Map<number, bigint>;
  /** Called before anything else is done with a call. */
  onCall: (method: string) => Promise<void>;
  /** The orders of a user that did not fail. */
  ordersOf(user: bigint): FakeOrder[];
  /** Resets the behaviour and the stock; the orders stay. */
  recover(): void;
}

const PLENTY = 10_000_000n;
/** Beyond the exact integers of a double. */
const FIRST_ORDER_ID = 2n ** 53n + 1n;

interface Decision {
  readonly body: string;
  readonly answer: () => { orderID: bigint };
}

export async function startFakeLoms(): Promise<FakeLoms> {
  const decisions = new Map<string, Decision>();
  const onSale = (sku: number): bigint => fake.stock.get(sku) ?? PLENTY;

  function place({ user, items }: OrderRequest, isRefused: boolean): Decision['answer'] {
    const orderID = FIRST_ORDER_ID + BigInt(fake.orders.length);
    const shortages = items
      .filter(({ sku, count }) => isRefused || onSale(sku) < BigInt(count))
      .map(({ sku, count }) => ({ sku, requested: count, available: isRefused ? 0n : onSale(sku) }));
    const isFailed = shortages.length > 0;
    fake.orders.push({ orderID, user, items, isFailed });
    if (!isFailed) for (const { sku, count } of items) fake.stock.set(sku, onSale(sku) - BigInt(count));
    return () => {
      if (isFailed) throw fail(createOrder, 'out_of_stock', { orderID, shortages });
      return { orderID };
    };
  }

  function decide(request: OrderRequest, isRefused: boolean): { orderID: bigint } {
    const { idempotencyKey: key, user, items } = request;
    assert(key !== undefined, 'checkout orders without a key');
    const body = JSON.stringify(items);
    const scope = `${user} ${key}`;
    let decision = decisions.get(scope);
    if (decision && decision.body !== body) throw fail(createOrder, 'idempotency_conflict');
    decision ??= { body, answer: place(request, isRefused) };
    decisions.set(scope, decision);
    return decision.answer();
  }

  const notNeeded = async (): Promise<never> => {
    throw new RpcError('unimplemented', 'checkout has no use for it');
  };
  const service = implement(loms, {
    async createOrder(request, call) {
      fake.requests.push({ ...request, call });
      await fake.onCall('createOrder');
      const order = () => decide(request, false);
      const refuse = () => decide(request, true) as never;
      return fake.behaviour({ request, order, refuse }, call);
    },
    async stocks({ sku }) {
      await fake.onCall('stocks');
      const half = onSale(sku) / 2n;
      const stocks = [
        { warehouseID: 1n, count: half },
        { warehouseID: 2n, count: onSale(sku) - half },
      ];
      return { stocks: stocks.filter(({ count }) => count > 0n) };
    },
    async *watchOrder() {
      yield await notNeeded();
    },
    listOrder: notNeeded,
    getOrder: notNeeded,
    listOrders: notNeeded,
    adjustStock: notNeeded,
    orderPayed: notNeeded,
    cancelOrder: notNeeded,
  });
  const server = await serveHttp(service, { host: '127.0.0.1', port: 0, logger: pino({ level: 'silent' }) });

  const fake: FakeLoms = {
    url: server.url,
    behaviour: answer,
    requests: [],
    orders: [],
    stock: new Map(),
    onCall: async () => {},
    ordersOf: (user) => fake.orders.filter((order) => order.user === user && !order.isFailed),
    recover() {
      fake.behaviour = answer;
      fake.onCall = async () => {};
      fake.stock.clear();
    },
    [Symbol.asyncDispose]: () => server.close(0),
  };
  return fake;
}
