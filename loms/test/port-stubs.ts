import sinon, { type SinonStub } from 'sinon';
import type {
  Adjustments,
  FirstSteps,
  IdempotencyKeys,
  Order,
  OrderStatus,
  Orders,
  Repositories,
  Shortage,
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
  readonly idempotencyKeys: Stubbed<IdempotencyKeys>;
  readonly adjustments: Stubbed<Adjustments>;
  readonly store: Store;
  /** Told of each transaction's scope. */
  readonly transaction: SinonStub;
  readonly signal: AbortSignal;
}

export function stubPorts(): StubbedPorts {
  const orders: Stubbed<Orders> = {
    create: sinon.stub(),
    settle: sinon.stub(),
    find: sinon.stub(),
    lockOverdue: sinon.stub(),
  };
  orders.create.callsFake(async (created) =>
    created.map(({ shortages }, index) => stepsOf(shortages, orderIDOf(index))),
  );
  orders.settle.callsFake(async (calls, to) => calls.map(({ orderID }) => changeOf(3, to, orderID)));
  const stocks: Stubbed<Stocks> = {
    lockOnSale: sinon.stub(),
    create: sinon.stub(),
    lock: sinon.stub(),
    supply: sinon.stub(),
  };
  stocks.lockOnSale.resolves([]);
  const idempotencyKeys: Stubbed<IdempotencyKeys> = { find: sinon.stub() };
  idempotencyKeys.find.callsFake(async (claims) => claims.map(() => undefined));
  const adjustments: Stubbed<Adjustments> = { claim: sinon.stub(), settle: sinon.stub() };
  const repositories: Repositories = { orders, stocks, idempotencyKeys, adjustments };
  const transaction = sinon.stub().callsFake((work: Parameters<Store['transaction']>[0]) => work(repositories));
  const { signal } = new AbortController();
  return { orders, stocks, idempotencyKeys, adjustments, transaction, store: { transaction }, signal };
}

/** The id of the created order with this index in its group. */
export function orderIDOf(index: number): bigint {
  return ORDER_ID - BigInt(index);
}

function stepsOf(shortages: readonly Shortage[], orderID: bigint): FirstSteps {
  return [changeOf(1, 'new', orderID), changeOf(2, shortages.length === 0 ? 'awaiting payment' : 'failed', orderID)];
}

export function changeOf(seq: number, status: OrderStatus, orderID = ORDER_ID): StatusChange {
  return { orderID, seq, user: USER, status, at: AT };
}

export function orderOf(status: OrderStatus): Order {
  return { orderID: ORDER_ID, user: USER, status };
}
