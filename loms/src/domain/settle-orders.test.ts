import assert from 'node:assert/strict';
import sinon from 'sinon';
import { settleOrder } from '../../test/one-order.ts';
import { causedBy, changeOf, ORDER_ID, orderOf, type StubbedPorts, stubPorts } from '../../test/port-stubs.ts';
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

  function assertNoEvent(): void {
    for (const [changes] of ports.outbox.add.args) assert.deepEqual(changes, []);
  }

  for (const [to, reason, others] of [
    ['payed', 'order_not_payable', ['new', 'failed', 'cancelled']],
    ['cancelled', 'order_not_cancellable', ['new', 'failed', 'payed']],
  ] as const) {
    describe(`to ${to}`, () => {
      it('settles an order that awaits payment with its goods, and adds an event', async () => {
        await settleOrder(ports.store, to, ORDER_ID, ports);
        sinon.assert.calledOnceWithExactly(ports.orders.settle, [ORDER_ID], to);
        sinon.assert.calledOnceWithExactly(ports.outbox.add, causedBy(ports, changeOf(3, to)));
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
        assertNoEvent();
      });

      for (const status of others) {
        it(`refuses an order that is ${status}`, async () => {
          found(orderOf(status));
          await assert.rejects(settleOrder(ports.store, to, ORDER_ID, ports), (error) => {
            assert.ok(isRefusal(error, reason));
            assert.equal(error.facts?.status, status);
            return true;
          });
          assertNoEvent();
        });
      }

      it('fails where there is no such order', async () => {
        found();
        await assert.rejects(settleOrder(ports.store, to, ORDER_ID, ports), (error) => {
          assert.ok(isRefusal(error, 'order_not_found'));
          assert.equal(error.facts?.orderID, ORDER_ID);
          return true;
        });
        assertNoEvent();
      });
    });
  }

  it('answers each of several calls for itself, and names the call of each change', async () => {
    ports.orders.settle.resolves([changeOf(3, 'payed', 4n), changeOf(3, 'payed', 1n)]);
    ports.orders.find.resolves([{ ...orderOf('cancelled'), orderID: 2n }]);
    const { signal } = ports;
    const calls = [1n, 2n, 3n, 4n].map((orderID) => ({ orderID, context: { signal, requestId: `pays ${orderID}` } }));
    const answers = await settleOrders(ports.store, 'payed', calls, ports);
    assert.deepEqual(
      answers.map((refusal) => refusal?.reason),
      [undefined, 'order_not_payable', 'order_not_found', undefined],
    );
    sinon.assert.calledOnceWithExactly(ports.orders.settle, [1n, 2n, 3n, 4n], 'payed');
    sinon.assert.calledOnceWithExactly(ports.orders.find, [2n, 3n]);
    const [changes = []] = ports.outbox.add.firstCall.args;
    assert.deepEqual(
      changes.map(({ orderID, cause }) => [orderID, cause.requestId]),
      [
        [4n, 'pays 4'],
        [1n, 'pays 1'],
      ],
    );
  });
});

describe('cancelOverdueOrder', () => {
  it('cancels an order that still awaits payment beyond its time, and adds an event', async () => {
    const ports = stubPorts();
    ports.orders.lockOverdue.resolves(orderOf('awaiting payment'));
    assert.equal(await cancelOverdueOrder(ports.store, ORDER_ID, ports), true);
    sinon.assert.calledOnceWithExactly(ports.orders.lockOverdue, ORDER_ID);
    sinon.assert.calledOnceWithExactly(ports.orders.settle, [ORDER_ID], 'cancelled');
    sinon.assert.calledOnceWithExactly(ports.outbox.add, causedBy(ports, changeOf(3, 'cancelled')));
    sinon.assert.calledOnce(ports.transaction);
  });

  it('skips an order that was settled meanwhile or that another transaction has locked', async () => {
    const ports = stubPorts();
    ports.orders.lockOverdue.resolves(undefined);
    assert.equal(await cancelOverdueOrder(ports.store, ORDER_ID, ports), false);
    sinon.assert.notCalled(ports.orders.settle);
    sinon.assert.notCalled(ports.outbox.add);
  });
});
