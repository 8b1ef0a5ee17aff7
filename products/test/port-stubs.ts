import sinon, { type SinonStub } from 'sinon';
import type { Change, Product, Products, Store } from '../src/domain/ports.ts';

type Stubbed<Port> = {
  [K in keyof Port]: Port[K] extends (...args: infer Args) => infer Result ? SinonStub<Args, Result> : never;
};

export const KETTLE: Product = { sku: 7, name: 'Чайник', price: 1_990, version: 3, archived: false };
export const CHANGE: Change = {
  signal: new AbortController().signal,
  actor: 9_007_199_254_740_993n,
  caller: 'gateway',
  requestId: 'request-1',
};

export interface StubbedPorts {
  readonly products: Stubbed<Products>;
  readonly store: Store;
}

/** Ports for tests of the domain: a transaction in which there is no product until the test says so. */
export function stubPorts(): StubbedPorts {
  const products: Stubbed<Products> = { create: sinon.stub(), lock: sinon.stub(), change: sinon.stub() };
  products.create.resolves(true);
  products.lock.resolves(undefined);
  products.change.resolves();
  return { products, store: { transaction: (work) => work(products) } };
}
