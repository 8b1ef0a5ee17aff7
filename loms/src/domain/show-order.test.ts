import assert from 'node:assert/strict';
import sinon from 'sinon';
import { AT, ORDER_ID, orderOf } from '../../test/port-stubs.ts';
import { isRefusal } from './refusal.ts';
import { showOrder } from './show-order.ts';

const context = new AbortController();

describe('showOrder', () => {
  it('shows the order as it stands', async () => {
    const order = { ...orderOf('payed'), createdAt: AT, items: [{ sku: 1, count: 2 }] };
    const find = sinon.stub().resolves(order);
    assert.deepEqual(await showOrder({ find }, ORDER_ID, context), order);
    sinon.assert.calledOnceWithExactly(find, ORDER_ID, context);
  });

  it('fails where there is no such order', async () => {
    await assert.rejects(showOrder({ find: sinon.stub().resolves(undefined) }, ORDER_ID, context), (error) => {
      assert.ok(isRefusal(error, 'order_not_found'));
      assert.equal(error.facts?.orderID, ORDER_ID);
      return true;
    });
  });
});
