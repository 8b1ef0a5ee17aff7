import assert from 'node:assert/strict';
import sinon from 'sinon';
import { settleOrder } from '../../test/one-order.ts';
import { changeOf, ORDER_ID, orderOf, type StubbedPorts, stubPorts } from '../../test/port-stubs.ts';
import type { Order } from './ports.ts';
import { isRefusal } from './refusal.ts';
import { cancelOverdueOrder, settleOrders } from './settle-orders.ts';

describe('settleOrders', () => {
  let ports: StubbedPorts;
  beforeEach(() => {
    ports = stubPorts();
  });

  /** No order awaits payment; these are found instead. */
  function found(...orders: Order[]): void {
    ports.orders.settle.resolves([]);
    ports.orders.find.resolves(orders);
  }

  for (const [to, reason, others] of [
    ['payed', 'order_not_payable', ['new', 'failed', 'cancelled']],
    ['cancelled', 'order_not_cancellable', ['new', 'failed', 'payed']],
  ] as const) {
    describe(`to ${to}`, () => {
      it('settles an order that awaits payment, and names its call as the cause', async () => {
        await settleOrder(ports.store, to, ORDER_ID, ports);
        sinon.assert.calledOnceWithExactly(ports.orders.settle, [{ orderID: ORDER_ID, context: ports }], to);
        sinon.assert.notCalled(ports.orders.find);
      });

      it('does so in one transaction, in the scope of its caller', async () => {
        await settleOrder(ports.store, to, ORDER_ID, ports);
        sinon.assert.calledOnce(ports.transaction);
        assert.equal(ports.transaction.firstCall.args[1].signal, ports.signal);
      });

      it(`changes nothing for an order that is ${to}`, async () => {
        found(orderOf(to));
        await settleOrder(ports.store, to, ORDER_ID, ports);
      });

      for (const status of others) {
        it(`refuses an order that is ${status}`, async () => {
          found(orderOf(status));
          await assert.rejects(settleOrder(ports.store, to, ORDER_ID, ports), (error) => {
            assert.ok(isRefusal(error, reason));
            assert.equal(error.facts?.status, status);
            return true;
          });
        });
      }

      it('fails where there is no such order', async () => {
        found();
        await assert.rejects(settleOrder(ports.store, to, ORDER_ID, ports), (error) => {
          assert.ok(isRefusal(error, 'order_not_found'));
          assert.equal(error.facts?.orderID, ORDER_ID);
          return true;
        });
      });
    });
  }

  it('answers each of several calls for itself', async () => {
    ports.orders.settle.resolves([changeOf(3, 'payed', 4n), changeOf(3, 'payed', 1n)]);
    ports.orders.find.resolves([{ ...orderOf('cancelled'), orderID: 2n }]);
    const { signal } = ports;
    const calls = [1n, 2n, 3n, 4n].map((orderID) => ({ orderID, context: { signal, requestId: `pays ${orderID}` } }));
    const answers = await settleOrders(ports.store, 'payed', calls, ports);
    assert.deepEqual(
      answers.map((refusal) => refusal?.reason),
      [undefined, 'order_not_payable', 'order_not_found', undefined],
    );
    sinon.assert.calledOnceWithExactly(ports.orders.settle, calls, 'payed');
    sinon.assert.calledOnceWithExactly(ports.orders.find, [2n, 3n]);
  });
});

describe('cancelOverdueOrder', () => {
  it('cancels an order that still awaits payment beyond its time', async () => {
    const ports = stubPorts();
    ports.orders.lockOverdue.resolves(orderOf('awaiting payment'));
    assert.equal(await cancelOverdueOrder(ports.store, ORDER_ID, ports), true);
    sinon.assert.calledOnceWithExactly(ports.orders.lockOverdue, ORDER_ID);
    sinon.assert.calledOnceWithExactly(ports.orders.settle, [{ orderID: ORDER_ID, context: ports }], 'cancelled');
    sinon.assert.calledOnce(ports.transaction);
  });

  it('skips an order that was settled meanwhile or that another transaction has locked', async () => {
    const ports = stubPorts();
    ports.orders.lockOverdue.resolves(undefined);
    assert.equal(await cancelOverdueOrder(ports.store, ORDER_ID, ports), false);
    sinon.assert.notCalled(ports.orders.settle);
  });
});
