import assert from 'node:assert/strict';
import sinon from 'sinon';
import { causedBy, changeOf, ORDER_ID, orderOf, type StubbedPorts, stubPorts } from '../../test/port-stubs.ts';
import { payOrder } from './pay-order.ts';
import type { Order } from './ports.ts';
import { isRefusal } from './refusal.ts';

describe('payOrder', () => {
  let ports: StubbedPorts;
  beforeEach(() => {
    ports = stubPorts();
  });

  /** It is something else than an order that awaits payment. */
  function found(order: Order | undefined): void {
    ports.orders.move.resolves(undefined);
    ports.orders.lock.resolves(order);
  }

  function assertNothingDone(): void {
    sinon.assert.calledOnceWithExactly(ports.orders.move, ORDER_ID, 'awaiting payment', 'payed');
    sinon.assert.notCalled(ports.stocks.sell);
    sinon.assert.notCalled(ports.outbox.add);
  }

  it('sells the reserved goods of an order that awaits payment, and adds an event', async () => {
    await payOrder(ports.store, ORDER_ID, ports);
    sinon.assert.calledOnceWithExactly(ports.stocks.sell, ORDER_ID);
    sinon.assert.calledOnceWithExactly(ports.orders.move, ORDER_ID, 'awaiting payment', 'payed');
    sinon.assert.calledOnceWithExactly(ports.outbox.add, causedBy(ports, changeOf(1, 'payed')));
  });

  it('locks the order before it touches stock, in one transaction in the scope of its caller', async () => {
    await payOrder(ports.store, ORDER_ID, ports);
    sinon.assert.calledOnce(ports.transaction);
    assert.equal(ports.transaction.firstCall.args[1].signal, ports.signal);
    sinon.assert.callOrder(ports.orders.move, ports.stocks.sell);
  });

  it('does nothing to an order that is paid', async () => {
    found(orderOf('payed'));
    await payOrder(ports.store, ORDER_ID, ports);
    assertNothingDone();
  });

  for (const status of ['new', 'failed', 'cancelled'] as const) {
    it(`refuses an order that is ${status}`, async () => {
      found(orderOf(status));
      await assert.rejects(payOrder(ports.store, ORDER_ID, ports), (error) => {
        assert.ok(isRefusal(error, 'order_not_payable'));
        assert.equal(error.facts?.status, status);
        return true;
      });
      assertNothingDone();
    });
  }

  it('fails where there is no such order', async () => {
    found(undefined);
    await assert.rejects(payOrder(ports.store, ORDER_ID, ports), (error) => {
      assert.ok(isRefusal(error, 'order_not_found'));
      assert.equal(error.facts?.orderID, ORDER_ID);
      return true;
    });
    assertNothingDone();
  });
});
