import assert from 'node:assert/strict';
import sinon from 'sinon';
import { changeOf, ORDER_ID, stubPorts } from '../../test/port-stubs.ts';
import type { OrderStatus } from './ports.ts';
import { moveOrder } from './status.ts';

const STATUSES: readonly OrderStatus[] = ['new', 'awaiting payment', 'failed', 'payed', 'cancelled'];
const STEPS = new Set(['awaiting payment>payed', 'awaiting payment>cancelled']);

describe('moveOrder', () => {
  for (const from of STATUSES) {
    for (const to of STATUSES) {
      if (STEPS.has(`${from}>${to}`)) {
        it(`takes an order from ${from} to ${to}`, async () => {
          const { orders } = stubPorts();
          assert.deepEqual(await moveOrder(orders, ORDER_ID, from, to), changeOf(1, to));
          sinon.assert.calledOnceWithExactly(orders.move, ORDER_ID, from, to);
        });
      } else {
        it(`takes no order from ${from} to ${to}`, async () => {
          const { orders } = stubPorts();
          await assert.rejects(moveOrder(orders, ORDER_ID, from, to), {
            message: `order ${ORDER_ID}: no step from ${from} to ${to}`,
          });
          sinon.assert.notCalled(orders.move);
        });
      }
    }
  }

  it('changes nothing where the order is something else', async () => {
    const { orders } = stubPorts();
    orders.move.resolves(undefined);
    assert.equal(await moveOrder(orders, ORDER_ID, 'awaiting payment', 'payed'), undefined);
  });
});
