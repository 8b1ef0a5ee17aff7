import sinon, { type SinonStub } from 'sinon';
import type {
  CartLine,
  CartReader,
  Carts,
  Context,
  OrderDesk,
  PendingPurchase,
  ProductCatalogue,
  ProductStates,
  Purchases,
  Repositories,
  Store,
  UnfinishedPurchases,
  Warehouse,
} from '../src/domain/ports.ts';

type Stubbed<Port> = {
  [K in keyof Port]: Port[K] extends (...args: infer Args) => infer Result ? SinonStub<Args, Result> : never;
};

export const USER = -9_223_372_036_854_775_808n;
export const ORDER_ID = 9_223_372_036_854_775_807n;

/** Ports for tests of the domain: an empty cart, nothing on sale, no purchase; the test sets everything else. */
export interface StubbedPorts {
  readonly carts: Stubbed<Carts>;
  readonly cartReader: Stubbed<CartReader>;
  readonly purchases: Stubbed<Purchases>;
  readonly warehouse: Stubbed<Warehouse>;
  readonly orderDesk: Stubbed<OrderDesk>;
  readonly catalogue: Stubbed<ProductCatalogue>;
  readonly states: Stubbed<ProductStates>;
  readonly unfinished: Stubbed<UnfinishedPurchases>;
  readonly store: Store;
  /** Called for each transaction, with its scope. */
  readonly transaction: SinonStub;
  /** Whether a transaction is open right now. */
  inTransaction(): boolean;
  /** The caller's context, all of which must reach the peers. */
  readonly context: Context;
  readonly caller: AbortController;
}

export function stubPorts(): StubbedPorts {
  const carts: Stubbed<Carts> = {
    lock: sinon.stub(),
    lines: sinon.stub(),
    add: sinon.stub(),
    remove: sinon.stub(),
  };
  carts.lines.resolves([]);
  const cartReader: Stubbed<CartReader> = { lines: sinon.stub() };
  cartReader.lines.resolves([]);
  const purchases: Stubbed<Purchases> = {
    findByKey: sinon.stub(),
    findPending: sinon.stub(),
    begin: sinon.stub(),
    settle: sinon.stub(),
  };
  const warehouse: Stubbed<Warehouse> = { onSale: sinon.stub() };
  warehouse.onSale.resolves(0n);
  const orderDesk: Stubbed<OrderDesk> = { order: sinon.stub() };
  const catalogue: Stubbed<ProductCatalogue> = { product: sinon.stub() };
  const states: Stubbed<ProductStates> = { product: sinon.stub() };
  states.product.resolves({ archived: false });
  const unfinished: Stubbed<UnfinishedPurchases> = { claim: sinon.stub() };
  unfinished.claim.resolves([]);

  const repositories: Repositories = { carts, purchases };
  let open = 0;
  const transaction = sinon.stub().callsFake(async (work: Parameters<Store['transaction']>[0]) => {
    open += 1;
    try {
      return await work(repositories);
    } finally {
      open -= 1;
    }
  });

  const caller = new AbortController();
  return {
    carts,
    cartReader,
    purchases,
    warehouse,
    orderDesk,
    catalogue,
    states,
    unfinished,
    transaction,
    store: { transaction },
    inTransaction: () => open > 0,
    caller,
    context: { signal: caller.signal, deadlineAt: 1_234, requestId: 'request-1', traceparent: '00-trace-parent-01' },
  };
}

/** Lines of one piece each. */
export function linesOf(...skus: number[]): CartLine[] {
  return skus.map((sku) => ({ sku, count: 1 }));
}

export function pendingOf(purchaseID: string, idempotencyKey?: string, user = USER): PendingPurchase {
  return { state: 'pending', purchaseID, user, idempotencyKey, items: [{ sku: 10, count: 3 }], origin: {} };
}

/** The rejection of the call. */
export function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => {
      throw new Error('it should have failed');
    },
    (error: unknown) => error,
  );
}
