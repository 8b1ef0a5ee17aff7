import assert from 'node:assert/strict';
import sinon from 'sinon';
import { failureOf, stubPorts, USER } from '../../test/port-stubs.ts';
import { deleteFromCart } from './delete-from-cart.ts';

describe('deleteFromCart', () => {
  it('removes the goods under the lock of the cart, in the scope of its caller', async () => {
    const ports = stubPorts();
    await deleteFromCart(ports.store, USER, { sku: 10, count: 2 }, ports.context);
    sinon.assert.calledOnceWithExactly(ports.carts.lock, USER);
    sinon.assert.calledOnceWithExactly(ports.carts.remove, USER, { sku: 10, count: 2 });
    sinon.assert.callOrder(ports.carts.lock, ports.carts.remove);
    sinon.assert.calledOnce(ports.transaction);
    assert.equal(ports.transaction.firstCall.args[1], ports.context);
  });

  it('fails when the goods cannot be removed', async () => {
    const ports = stubPorts();
    const failure = new Error('no database');
    ports.carts.remove.rejects(failure);
    assert.equal(await failureOf(deleteFromCart(ports.store, USER, { sku: 10, count: 2 }, ports.context)), failure);
  });
});
