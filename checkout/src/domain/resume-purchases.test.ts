import assert from 'node:assert/strict';
import sinon, { type SinonStub } from 'sinon';
import { failureOf, ORDER_ID, pendingOf, type StubbedPorts, stubPorts } from '../../test/port-stubs.ts';
import type { PurchaseOutcome } from './ports.ts';
import { RESUME_BATCH_MAX, resumePurchases } from './resume-purchases.ts';

const ORDERED: PurchaseOutcome = { state: 'ordered', orderID: ORDER_ID };

describe('resumePurchases', () => {
  const cutOff = ['a', 'b', 'c', 'd', 'e', 'f'].map((id) => pendingOf(id));
  let ports: StubbedPorts;
  let onFailure: SinonStub;
  beforeEach(() => {
    ports = stubPorts();
    ports.unfinished.claim.resolves(cutOff);
    ports.orderDesk.order.resolves(ORDERED);
    onFailure = sinon.stub();
  });

  const resume = () => resumePurchases(ports.unfinished, ports, { onFailure }, ports.context);
  const settled = () => ports.purchases.settle.args.map(([{ purchaseID }]) => purchaseID);

  it('finishes each claimed purchase, and returns their number', async () => {
    assert.equal(await resume(), 6);
    assert.deepEqual(settled(), ['a', 'b', 'c', 'd', 'e', 'f']);
    sinon.assert.alwaysCalledWithExactly(ports.purchases.settle, sinon.match.object, ORDERED);
    sinon.assert.notCalled(onFailure);
  });

  it('claims a bounded number', async () => {
    await resume();
    sinon.assert.calledOnceWithExactly(ports.unfinished.claim, RESUME_BATCH_MAX, ports.context);
    assert(RESUME_BATCH_MAX <= 50);
  });

  it('does nothing without interrupted purchases', async () => {
    ports.unfinished.claim.resolves([]);
    assert.equal(await resume(), 0);
    sinon.assert.notCalled(ports.orderDesk.order);
    sinon.assert.notCalled(ports.transaction);
  });

  it('reports a purchase that could not be finished, and goes on with the others', async () => {
    const [noAnswer, noDatabase] = [new Error('no answer'), new Error('no database')];
    ports.orderDesk.order.withArgs(cutOff[1]).rejects(noAnswer);
    ports.purchases.settle.withArgs(cutOff[3]).rejects(noDatabase);
    assert.equal(await resume(), 6);
    assert.deepEqual(onFailure.args, [
      ['b', noAnswer],
      ['d', noDatabase],
    ]);
    assert.deepEqual(settled(), ['a', 'c', 'd', 'e', 'f']);
  });

  it('calls loms for a few at a time, so that calls of users are not crowded out', async () => {
    let underWay = 0;
    let most = 0;
    ports.orderDesk.order.callsFake(async () => {
      most = Math.max(most, ++underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      return ORDERED;
    });
    await resume();
    assert.equal(most, 4);
  });

  it('stops on abort: starts no further purchase, and cancels those in flight', async () => {
    const stopping = new Error('stopping');
    ports.orderDesk.order.callsFake((_pending, { signal }) => {
      const { promise, reject } = Promise.withResolvers<never>();
      signal.addEventListener('abort', () => reject(signal.reason));
      return promise;
    });
    const failure = failureOf(resume());
    await new Promise((resolve) => setImmediate(resolve));
    ports.caller.abort(stopping);
    assert.equal(await failure, stopping);
    sinon.assert.callCount(ports.orderDesk.order, 4);
    sinon.assert.notCalled(ports.purchases.settle);
  });

  it('fails when interrupted purchases cannot be read', async () => {
    const failure = new Error('no database');
    ports.unfinished.claim.rejects(failure);
    assert.equal(await failureOf(resume()), failure);
  });
});
