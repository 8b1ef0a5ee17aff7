import assert from 'node:assert/strict';
import sinon from 'sinon';
import { orderOf, stubPorts } from '../../test/port-stubs.ts';
import { cancelOverdueOrders } from './cancel-overdue-orders.ts';
import type { Context, OverdueOrder } from './ports.ts';

describe('cancelOverdueOrders', () => {
  function overdueOrders(count: number) {
    const listed = Array.from({ length: count }, (_, index) => ({ orderID: BigInt(index + 1), dueAt: `at ${index}` }));
    const ports = stubPorts();
    ports.orders.lockOverdue.resolves(orderOf('awaiting payment'));
    const list = sinon.spy(async (limit: number, after: OverdueOrder | undefined, _context: Context) => {
      const from = after ? listed.indexOf(after) + 1 : 0;
      return listed.slice(from, from + limit);
    });
    const onFailure = sinon.stub();
    const stop = new AbortController();
    return {
      ...ports,
      orderIDs: listed.map(({ orderID }) => orderID),
      list,
      onFailure,
      stop,
      run: () => cancelOverdueOrders({ list }, ports.store, { onFailure }, { signal: stop.signal }),
    };
  }

  it('cancels each of a batch of overdue orders, in a transaction of its own', async () => {
    const { run, list, orderIDs, orders, transaction, onFailure, stop } = overdueOrders(9);
    assert.equal(await run(), 9);
    sinon.assert.calledOnceWithExactly(list, 100, undefined, { signal: stop.signal });
    assert.deepEqual(
      orders.lockOverdue.args.map(([orderID]) => orderID),
      orderIDs,
    );
    sinon.assert.callCount(transaction, 9);
    sinon.assert.notCalled(onFailure);
  });

  it('does not count orders that another replica has settled or locked', async () => {
    const { run, orders } = overdueOrders(5);
    orders.lockOverdue.withArgs(2n).resolves(undefined).withArgs(4n).resolves(undefined);
    assert.equal(await run(), 3);
  });

  it('goes on with the others where one cannot be cancelled, and reports that one', async () => {
    const { run, orders, onFailure } = overdueOrders(6);
    const failure = new Error('its stock does not add up');
    orders.lockOverdue.withArgs(1n).rejects(failure);
    assert.equal(await run(), 5);
    sinon.assert.calledOnceWithExactly(onFailure, 1n, failure);
  });

  it('goes on where none can be cancelled', async () => {
    const { run, orders, onFailure } = overdueOrders(6);
    orders.lockOverdue.rejects(new Error('broken'));
    assert.equal(await run(), 0);
    sinon.assert.callCount(onFailure, 6);
  });

  it('goes on behind a whole batch of orders that cannot be cancelled', async () => {
    const { run, list, orders, onFailure } = overdueOrders(230);
    orders.lockOverdue.callsFake(async (orderID) => {
      if (orderID <= 150n) throw new Error('broken');
      return orderOf('awaiting payment');
    });
    assert.equal(await run(), 80);
    sinon.assert.callCount(onFailure, 150);
    assert.deepEqual(
      list.args.map(([, after]) => after?.orderID),
      [undefined, 100n, 200n],
    );
  });

  it('looks once more where a batch was full, as there may be others', async () => {
    const { run, list } = overdueOrders(100);
    assert.equal(await run(), 100);
    assert.equal(list.callCount, 2);
  });

  it('has few transactions open at a time', async () => {
    const { run, orders } = overdueOrders(20);
    let open = 0;
    let mostOpen = 0;
    orders.lockOverdue.callsFake(async () => {
      mostOpen = Math.max(mostOpen, ++open);
      await new Promise(setImmediate);
      open -= 1;
      return undefined;
    });
    await run();
    assert.equal(mostOpen, 4);
  });

  it('stops with the reason of its signal, and starts no further order', async () => {
    const { run, orders, stop } = overdueOrders(20);
    const reason = new Error('shutting down');
    orders.lockOverdue.callsFake(async () => {
      stop.abort(reason);
      return undefined;
    });
    await assert.rejects(run(), reason);
    sinon.assert.callCount(orders.lockOverdue, 1);
  });

  it('does nothing where none is overdue', async () => {
    const { run, transaction } = overdueOrders(0);
    assert.equal(await run(), 0);
    sinon.assert.notCalled(transaction);
  });
});
