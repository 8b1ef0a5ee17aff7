import assert from 'node:assert/strict';
import sinon from 'sinon';
import { causedBy, changeOf, ORDER_ID, orderOf, type StubbedPorts, stubPorts } from '../../test/port-stubs.ts';
import { cancelOrder, cancelOverdueOrder } from './cancel-order.ts';
import type { Order } from './ports.ts';
import { isRefusal } from './refusal.ts';

describe('cancelling an order', () => {
  let ports: StubbedPorts;
  beforeEach(() => {
    ports = stubPorts();
  });

  function assertCancelled(): void {
    sinon.assert.calledOnceWithExactly(ports.stocks.release, ORDER_ID);
    sinon.assert.calledOnceWithExactly(ports.orders.move, ORDER_ID, 'awaiting payment', 'cancelled');
    sinon.assert.calledOnceWithExactly(ports.outbox.add, causedBy(ports, changeOf(1, 'cancelled')));
    sinon.assert.calledOnce(ports.transaction);
    assert.equal(ports.transaction.firstCall.args[1].signal, ports.signal);
  }

  /** It is something else than an order that awaits payment. */
  function found(order: Order | undefined): void {
    ports.orders.move.resolves(undefined);
    ports.orders.lock.resolves(order);
  }

  function assertNothingDone(): void {
    sinon.assert.notCalled(ports.stocks.release);
    sinon.assert.notCalled(ports.outbox.add);
  }

  describe('cancelOrder', () => {
    it('puts the goods of an order that awaits payment back on sale, and adds an event', async () => {
      await cancelOrder(ports.store, ORDER_ID, ports);
      assertCancelled();
      sinon.assert.callOrder(ports.orders.move, ports.stocks.release);
    });

    it('does nothing to an order that is cancelled', async () => {
      found(orderOf('cancelled'));
      await cancelOrder(ports.store, ORDER_ID, ports);
      assertNothingDone();
    });

    for (const status of ['new', 'failed', 'payed'] as const) {
      it(`refuses an order that is ${status}`, async () => {
        found(orderOf(status));
        await assert.rejects(cancelOrder(ports.store, ORDER_ID, ports), (error) => {
          assert.ok(isRefusal(error, 'order_not_cancellable'));
          assert.equal(error.facts?.status, status);
          return true;
        });
        assertNothingDone();
      });
    }

    it('fails where there is no such order', async () => {
      found(undefined);
      await assert.rejects(cancelOrder(ports.store, ORDER_ID, ports), (error) => {
        assert.ok(isRefusal(error, 'order_not_found'));
        assert.equal(error.facts?.orderID, ORDER_ID);
        return true;
      });
      assertNothingDone();
    });
  });

  describe('cancelOverdueOrder', () => {
    it('cancels an order that still awaits payment beyond its time', async () => {
      ports.orders.lockOverdue.resolves(orderOf('awaiting payment'));
      assert.equal(await cancelOverdueOrder(ports.store, ORDER_ID, ports), true);
      sinon.assert.calledOnceWithExactly(ports.orders.lockOverdue, ORDER_ID);
      assertCancelled();
    });

    it('skips an order that was settled meanwhile or that another transaction has locked', async () => {
      ports.orders.lockOverdue.resolves(undefined);
      assert.equal(await cancelOverdueOrder(ports.store, ORDER_ID, ports), false);
      assertNothingDone();
    });
  });
});
