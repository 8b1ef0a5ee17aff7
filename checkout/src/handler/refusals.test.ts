import assert from 'node:assert/strict';
import { failedWith, type MethodContract, RpcError } from 'rpc-kit';
import { checkout } from '../../contract.ts';
import { failureOf, stubPorts, USER } from '../../test/port-stubs.ts';
import { Refusal, type Refused } from '../domain/refusal.ts';
import { createHandlers } from './handlers.ts';

const shortages = [{ sku: 10, requested: 3, available: 2n }];
const CALLS = {
  addToCart: { user: USER, sku: 10, count: 1 },
  listCart: { user: USER },
  purchase: { user: USER },
};

/** What the method's handler throws when the domain throws the error. */
function answerTo(error: unknown, method: keyof typeof CALLS): Promise<unknown> {
  const ports = stubPorts();
  ports.warehouse.onSale.rejects(error);
  ports.cartReader.lines.rejects(error);
  ports.transaction.rejects(error);
  const handlers = createHandlers({ ...ports, carts: ports.cartReader });
  const handler = handlers[method] as (params: object, call: object) => Promise<unknown>;
  return failureOf(handler(CALLS[method], { ...ports.context, caller: {} }));
}

describe('The handlers of checkout', () => {
  const declared: readonly [keyof typeof CALLS, Refused][] = [
    ['addToCart', { reason: 'insufficient_stock', facts: { sku: 10, requested: 3, available: 2n } }],
    ['addToCart', { reason: 'product_archived', facts: { sku: 10 } }],
    ['addToCart', { reason: 'cart_full', facts: { linesMax: 100, countMax: 65_535 } }],
    ['listCart', { reason: 'product_not_found', facts: { sku: 10 } }],
    ['purchase', { reason: 'cart_empty' }],
    ['purchase', { reason: 'out_of_stock', facts: { orderID: 7n, shortages } }],
  ];

  for (const [method, refused] of declared) {
    it(`answer ${refused.reason} with the contract's error and the facts`, async () => {
      const wire = await answerTo(new Refusal(refused), method);
      assert(failedWith(wire, checkout.methods[method] as MethodContract, refused.reason as never));
      assert.deepEqual(wire.details, refused.facts);
    });
  }

  it('have a refusal for every reason of the contract', () => {
    const reasons = Object.values(checkout.methods).flatMap((method) =>
      Object.keys('errors' in method ? method.errors : {}),
    );
    assert.deepEqual(declared.map(([, { reason }]) => reason as string).toSorted(), reasons.toSorted());
  });

  it('answer a contended purchase with a call to come again from the start, after a while', async () => {
    const contended = new Refusal({ reason: 'contended' });
    const wire = await answerTo(contended, 'purchase');
    assert(wire instanceof RpcError);
    assert.deepEqual([wire.code, wire.reason, wire.retryAfterMs], ['aborted', undefined, 1_000]);
    assert.equal(wire.cause, contended);
  });

  it('pass on every other error', async () => {
    for (const error of [new Error('a mistake'), new RpcError('unavailable', 'down')]) {
      assert.equal(await answerTo(error, 'purchase'), error);
    }
  });
});
