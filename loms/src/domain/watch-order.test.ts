import assert from 'node:assert/strict';
import sinon from 'sinon';
import { AT, ORDER_ID } from '../../test/port-stubs.ts';
import type { OrderChange, OrderPlace, OrderStatus } from './ports.ts';
import { watchOrder } from './watch-order.ts';

const LIFE: readonly OrderStatus[] = ['new', 'awaiting payment', 'payed'];
const changeAt = (seq: number): OrderChange => ({ seq, status: LIFE[seq - 1] as OrderStatus, at: AT });

/** An order that has come as far as `lastSeq`, whose further changes follow one by one. */
function watch(lastSeq: number, afterSeq?: number) {
  const changes = { last: sinon.stub().resolves(lastSeq === 0 ? undefined : changeAt(lastSeq)) };
  const places: OrderPlace[] = [];
  const feed = {
    async behind(place: OrderPlace) {
      places.push(place);
      return [changeAt(place.seq + 1)];
    },
  };
  const { signal } = new AbortController();
  const items = Array.fromAsync(watchOrder({ changes, feed }, { orderID: ORDER_ID, afterSeq }, { signal }));
  return { items, places };
}

const seqsOf = async (items: Promise<OrderChange[]>): Promise<number[]> => (await items).map(({ seq }) => seq);

describe('Watching an order', () => {
  it('shows the present status first, then each change until a final one', async () => {
    const { items, places } = watch(2);
    assert.deepEqual(await items, [changeAt(2), changeAt(3)]);
    assert.deepEqual(places, [{ orderID: ORDER_ID, seq: 2 }]);
  });

  it('ends at once with an order that is final', async () => {
    const { items, places } = watch(3);
    assert.deepEqual([await seqsOf(items), places], [[3], []]);
  });

  it('shows only what is behind the change that the caller has', async () => {
    assert.deepEqual(await seqsOf(watch(2, 1).items), [2, 3]);
    assert.deepEqual(await seqsOf(watch(2, 2).items), [3]);
    assert.deepEqual(await seqsOf(watch(3, 2).items), [3]);
    assert.deepEqual(await seqsOf(watch(3, 3).items), []);
  });

  it('takes a change from the future for the last one', async () => {
    assert.deepEqual(await seqsOf(watch(2, 9).items), [3]);
    assert.deepEqual(await seqsOf(watch(3, 9).items), []);
  });

  it('refuses an order that does not exist', async () => {
    await assert.rejects(watch(0).items, { reason: 'order_not_found', facts: { orderID: ORDER_ID } });
  });
});
