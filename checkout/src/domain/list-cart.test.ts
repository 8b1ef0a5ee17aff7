import assert from 'node:assert/strict';
import sinon from 'sinon';
import { failureOf, linesOf, type StubbedPorts, stubPorts, USER } from '../../test/port-stubs.ts';
import { listCart } from './list-cart.ts';
import type { Product } from './ports.ts';
import { Refusal } from './refusal.ts';

describe('listCart', () => {
  let ports: StubbedPorts;
  beforeEach(() => {
    ports = stubPorts();
  });

  const list = () => listCart({ ...ports, carts: ports.cartReader }, USER, ports.context);

  /** Product requests that stay in flight until the test settles them, in the order of their start. */
  function holdProducts(): PromiseWithResolvers<Product>[] {
    const held: PromiseWithResolvers<Product>[] = [];
    ports.catalogue.product.callsFake(() => {
      const request = Promise.withResolvers<Product>();
      held.push(request);
      return request.promise;
    });
    return held;
  }

  /** Lets everything run that waits for nothing but its turn. */
  const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
  const signalOf = (request: number) => ports.catalogue.product.getCall(request).args[1].signal;

  it('gives each line the name and the price of its product, and the sum', async () => {
    ports.cartReader.lines.resolves([
      { sku: 1, count: 2 },
      { sku: 5, count: 3 },
    ]);
    ports.catalogue.product.withArgs(1).resolves({ name: 'Чайник', price: 1990 });
    ports.catalogue.product.withArgs(5).resolves({ name: 'Кружка', price: 350 });
    assert.deepEqual(await list(), {
      items: [
        { sku: 1, count: 2, name: 'Чайник', price: 1990 },
        { sku: 5, count: 3, name: 'Кружка', price: 350 },
      ],
      totalPrice: 5030n,
    });
    sinon.assert.calledOnceWithExactly(ports.cartReader.lines, USER, ports.context);
  });

  it('sends no request for an empty cart', async () => {
    assert.deepEqual(await list(), { items: [], totalPrice: 0n });
    sinon.assert.notCalled(ports.catalogue.product);
  });

  it('keeps the order of the cart, whichever answer comes first', async () => {
    ports.cartReader.lines.resolves(linesOf(1, 2, 3));
    const held = holdProducts();
    const cart = list();
    await settled();
    for (const [index, request] of [...held.entries()].toReversed())
      request.resolve({ name: `${index}`, price: index });
    assert.deepEqual(
      (await cart).items.map(({ sku, name }) => [sku, name]),
      [
        [1, '0'],
        [2, '1'],
        [3, '2'],
      ],
    );
  });

  it('has five requests in flight, and starts another for each answer', async () => {
    ports.cartReader.lines.resolves(linesOf(1, 2, 3, 4, 5, 6, 7));
    const held = holdProducts();
    const cart = list();
    await settled();
    assert.equal(held.length, 5);
    held[2]?.resolve({ name: 'c', price: 1 });
    await settled();
    assert.equal(held.length, 6);
    held[0]?.resolve({ name: 'a', price: 1 });
    await settled();
    assert.equal(held.length, 7);
    for (const request of held) request.resolve({ name: 'x', price: 1 });
    assert.equal((await cart).totalPrice, 7n);
  });

  it('fails with the first failure, starts no further request and cancels the others', async () => {
    ports.cartReader.lines.resolves(linesOf(1, 2, 3, 4, 5, 6, 7));
    const held = holdProducts();
    const failure = failureOf(list());
    await settled();
    assert.equal(signalOf(0).aborted, false);
    const notFound = new Refusal({ reason: 'product_not_found', facts: { sku: 2 } });
    held[1]?.reject(notFound);
    await settled();
    for (const request of [0, 2, 3, 4]) assert.equal(signalOf(request).reason, notFound);
    for (const request of held) request.reject(new Error('cut off'));
    assert.equal(await failure, notFound);
    assert.equal(held.length, 5);
  });

  it('ends only when no request is in flight', async () => {
    ports.cartReader.lines.resolves(linesOf(1, 2));
    const held = holdProducts();
    const over = sinon.spy();
    const failure = failureOf(list()).then(over);
    await settled();
    held[0]?.reject(new Error('no answer'));
    await settled();
    sinon.assert.notCalled(over);
    held[1]?.resolve({ name: 'too late', price: 1 });
    await failure;
    sinon.assert.calledOnce(over);
  });

  it('stops when the caller leaves, with its reason', async () => {
    ports.cartReader.lines.resolves(linesOf(1, 2, 3, 4, 5, 6, 7));
    const held = holdProducts();
    const failure = failureOf(list());
    await settled();
    const gone = new Error('the caller went away');
    ports.caller.abort(gone);
    for (const request of [0, 1, 2, 3, 4]) assert.equal(signalOf(request).reason, gone);
    for (const request of held) request.resolve({ name: 'too late', price: 1 });
    assert.equal(await failure, gone);
    assert.equal(held.length, 5);
  });

  it('sends no request when the caller left while the cart was read', async () => {
    const gone = new Error('the caller went away');
    ports.cartReader.lines.callsFake(async () => {
      ports.caller.abort(gone);
      return linesOf(1);
    });
    assert.equal(await failureOf(list()), gone);
    sinon.assert.notCalled(ports.catalogue.product);
  });

  it('fails when the cart cannot be read', async () => {
    const failure = new Error('no database');
    ports.cartReader.lines.rejects(failure);
    assert.equal(await failureOf(list()), failure);
  });

  it('passes the deadline, the request id and the trace on', async () => {
    ports.cartReader.lines.resolves(linesOf(1));
    ports.catalogue.product.resolves({ name: 'x', price: 1 });
    await list();
    const { signal: _own, ...rest } = ports.catalogue.product.firstCall.args[1];
    const { signal: _callers, ...given } = ports.context;
    assert.deepEqual(rest, given);
  });

  it('adds up the dearest goods exactly, beyond what a double can hold', async () => {
    ports.cartReader.lines.resolves(Array.from({ length: 99 }, (_, sku) => ({ sku, count: 65_535 })));
    ports.catalogue.product.resolves({ name: 'x', price: 4_294_967_295 });
    const { totalPrice } = await list();
    assert.equal(totalPrice, 27_865_597_486_104_675n);
    assert.notEqual(BigInt(Number(totalPrice)), totalPrice);
  });
});
