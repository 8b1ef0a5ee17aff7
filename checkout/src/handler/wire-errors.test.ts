import assert from 'node:assert/strict';
import { failedWith, RpcError } from 'rpc-kit';
import { checkout } from '../../contract.ts';
import * as errors from '../domain/errors.ts';
import { toWireError } from './wire-errors.ts';

const { addToCart, listCart, purchase } = checkout.methods;
const shortages = [{ sku: 10, requested: 3, available: 2n }];

describe('toWireError', () => {
  const declared = [
    [
      new errors.InsufficientStock(10, 3, 2n),
      addToCart,
      'insufficient_stock',
      { sku: 10, requested: 3, available: 2n },
    ],
    [new errors.CartFull(100, 65_535), addToCart, 'cart_full', { linesMax: 100, countMax: 65_535 }],
    [new errors.ProductNotFound(10), listCart, 'product_not_found', { sku: 10 }],
    [new errors.CartEmpty(), purchase, 'cart_empty', undefined],
    [new errors.OutOfStock(7n, shortages), purchase, 'out_of_stock', { orderID: 7n, shortages }],
  ] as const;

  for (const [error, method, reason, details] of declared) {
    it(`makes ${reason} of ${error.name}, with its facts`, () => {
      const wire = toWireError(error);
      assert(failedWith(wire, method as typeof purchase, reason as 'cart_empty'));
      assert.deepEqual(wire.details, details);
    });
  }

  it('has a declared error for every reason of the contract', () => {
    const reasons = Object.values(checkout.methods).flatMap((method) =>
      Object.keys('errors' in method ? method.errors : {}),
    );
    assert.deepEqual(declared.map(([, , reason]) => reason as string).toSorted(), reasons.toSorted());
  });

  it('makes of PurchaseContended a call to come again from the start, after a while', () => {
    const contended = new errors.PurchaseContended();
    const wire = toWireError(contended);
    assert(wire instanceof RpcError);
    assert.deepEqual([wire.code, wire.reason, wire.retryAfterMs], ['aborted', undefined, 1_000]);
    assert.equal(wire.cause, contended);
  });

  it('passes on what no caller can mend', () => {
    for (const error of [new errors.PurchaseRejected('no'), new RpcError('unavailable', 'down'), 'a string']) {
      assert.equal(toWireError(error), error);
    }
  });
});
