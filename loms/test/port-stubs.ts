import sinon, { type SinonStub } from 'sinon';
import type {
  Adjustments,
  CausedChange,
  Context,
  IdempotencyKeys,
  Order,
  OrderStatus,
  Orders,
  Outbox,
  Repositories,
  StatusChange,
  Stocks,
  Store,
} from '../src/domain/ports.ts';

type Stubbed<Port> = {
  [K in keyof Port]: Port[K] extends (...args: infer Args) => infer Result ? SinonStub<Args, Result> : never;
};

export const ORDER_ID = 9_223_372_036_854_775_807n;
export const USER = -9_223_372_036_854_775_808n;
export const AT = new Date('2026-11-20T09:00:00.000Z');

/** Repositories and a store for tests of the domain: an order's steps go well, everything else is for the test to say. */
export interface StubbedPorts {
  readonly orders: Stubbed<Orders>;
  readonly stocks: Stubbed<Stocks>;
  readonly outbox: Stubbed<Outbox>;
  readonly idempotencyKeys: Stubbed<IdempotencyKeys>;
  readonly adjustments: Stubbed<Adjustments>;
  readonly store: Store;
  /** Told of each transaction's scope. */
  readonly transaction: SinonStub;
  readonly signal: AbortSignal;
}

export function stubPorts(): StubbedPorts {
  let seq = 0;
  const step = async (status: OrderStatus): Promise<StatusChange> => changeOf(++seq, status);
  const orders: Stubbed<Orders> = {
    create: sinon.stub(),
    lock: sinon.stub(),
    lockOverdue: sinon.stub(),
    move: sinon.stub(),
  };
  orders.create.callsFake(async (_user, _items, becomes) => [await step('new'), await step(becomes)]);
  orders.move.callsFake((_orderID, _from, to) => step(to));
  const stocks: Stubbed<Stocks> = {
    lockOnSale: sinon.stub(),
    reserve: sinon.stub(),
    sell: sinon.stub(),
    release: sinon.stub(),
    create: sinon.stub(),
    lock: sinon.stub(),
    supply: sinon.stub(),
  };
  stocks.lockOnSale.resolves([]);
  const outbox: Stubbed<Outbox> = { add: sinon.stub() };
  const idempotencyKeys: Stubbed<IdempotencyKeys> = { claim: sinon.stub(), settle: sinon.stub() };
  const adjustments: Stubbed<Adjustments> = { claim: sinon.stub(), settle: sinon.stub() };
  const repositories: Repositories = { orders, stocks, outbox, idempotencyKeys, adjustments };
  const transaction = sinon.stub().callsFake((work: Parameters<Store['transaction']>[0]) => work(repositories));
  const { signal } = new AbortController();
  return { orders, stocks, outbox, idempotencyKeys, adjustments, transaction, store: { transaction }, signal };
}

export function changeOf(seq: number, status: OrderStatus): StatusChange {
  return { orderID: ORDER_ID, seq, user: USER, status, at: AT };
}

export function causedBy(cause: Context, ...changes: readonly StatusChange[]): CausedChange[] {
  return changes.map((change) => ({ ...change, cause }));
}

export function orderOf(status: OrderStatus): Order {
  return { orderID: ORDER_ID, user: USER, status };
}
