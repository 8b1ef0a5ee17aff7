import assert from 'node:assert/strict';
import sinon from 'sinon';
import { changeOf, ORDER_ID, orderOf, stubPorts } from '../../test/port-stubs.ts';
import type { OrderStatus } from './ports.ts';
import { moveOrder } from './status.ts';

const STATUSES: readonly OrderStatus[] = ['new', 'awaiting payment', 'failed', 'payed', 'cancelled'];
const STEPS = new Set(['new>awaiting payment', 'new>failed', 'awaiting payment>payed', 'awaiting payment>cancelled']);

describe('moveOrder', () => {
  for (const from of STATUSES) {
    for (const to of STATUSES) {
      if (STEPS.has(`${from}>${to}`)) {
        it(`takes an order from ${from} to ${to}`, async () => {
          const { orders } = stubPorts();
          assert.deepEqual(await moveOrder(orders, orderOf(from), to), changeOf(1, to));
          sinon.assert.calledOnceWithExactly(orders.move, ORDER_ID, from, to);
        });
      } else {
        it(`takes no order from ${from} to ${to}`, async () => {
          const { orders } = stubPorts();
          await assert.rejects(moveOrder(orders, orderOf(from), to), {
            message: `order ${ORDER_ID}: no step from ${from} to ${to}`,
          });
          sinon.assert.notCalled(orders.move);
        });
      }
    }
  }

  it('fails where the order is no longer what it was', async () => {
    const { orders } = stubPorts();
    orders.move.resolves(undefined);
    await assert.rejects(moveOrder(orders, orderOf('new'), 'failed'), { message: `order ${ORDER_ID}: no longer new` });
  });
});
