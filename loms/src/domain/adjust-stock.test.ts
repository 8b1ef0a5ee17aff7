import assert from 'node:assert/strict';
import sinon from 'sinon';
import { type StubbedPorts, stubPorts } from '../../test/port-stubs.ts';
import { adjustStock } from './adjust-stock.ts';
import type { Adjustment } from './ports.ts';
import { isRefusal } from './refusal.ts';

const PLACE = { sku: 7, warehouseID: 2n };
const ARRIVAL: Adjustment = { ...PLACE, delta: 40n, idempotencyKey: 'a key', caller: 'gateway', actor: 1n };
const WRITE_OFF: Adjustment = { ...ARRIVAL, delta: -40n };
const UINT64_MAX = 2n ** 64n - 1n;

describe('adjustStock', () => {
  let ports: StubbedPorts;
  beforeEach(() => {
    ports = stubPorts();
    ports.adjustments.claim.resolves('claimed');
    ports.stocks.lock.resolves({ supplied: 100n, onSale: 40n });
  });

  function assertNothingDone(): void {
    sinon.assert.notCalled(ports.stocks.supply);
    sinon.assert.notCalled(ports.stocks.create);
  }

  it('puts goods that came in on sale, of a new sku too', async () => {
    ports.stocks.lock.resolves({ supplied: 0n, onSale: 0n });
    assert.equal(await adjustStock(ports.store, ARRIVAL, ports), 40n);
    sinon.assert.calledOnceWithExactly(ports.stocks.create, PLACE);
    sinon.assert.calledOnceWithExactly(ports.stocks.supply, PLACE, 40n);
    sinon.assert.calledOnceWithExactly(ports.adjustments.settle, ARRIVAL, { onSale: 40n });
  });

  it('writes off what is on sale, to the last unit, and creates no stock for it', async () => {
    assert.equal(await adjustStock(ports.store, WRITE_OFF, ports), 0n);
    sinon.assert.notCalled(ports.stocks.create);
    sinon.assert.calledOnceWithExactly(ports.stocks.supply, PLACE, -40n);
  });

  it('claims the key, locks the stock, changes it and settles the key, in one transaction', async () => {
    await adjustStock(ports.store, ARRIVAL, ports);
    sinon.assert.calledOnce(ports.transaction);
    assert.equal(ports.transaction.firstCall.args[1].signal, ports.signal);
    const { claim, settle } = ports.adjustments;
    sinon.assert.callOrder(claim, ports.stocks.create, ports.stocks.lock, ports.stocks.supply, settle);
  });

  it('refuses to write off more than is on sale, and keeps the refusal', async () => {
    await assert.rejects(adjustStock(ports.store, { ...WRITE_OFF, delta: -41n }, ports), (error) => {
      assert.ok(isRefusal(error, 'insufficient_stock'));
      assert.deepEqual(error.facts, { ...PLACE, onSale: 40n });
      return true;
    });
    assertNothingDone();
    const outcome = { onSale: 40n, refusal: 'insufficient_stock' as const };
    sinon.assert.calledOnceWithExactly(ports.adjustments.settle, { ...WRITE_OFF, delta: -41n }, outcome);
  });

  it('refuses to write off goods that there are none of', async () => {
    ports.stocks.lock.resolves(undefined);
    await assert.rejects(adjustStock(ports.store, WRITE_OFF, ports), (error) => {
      assert.ok(isRefusal(error, 'insufficient_stock'));
      assert.deepEqual(error.facts, { ...PLACE, onSale: 0n });
      return true;
    });
    assertNothingDone();
  });

  it('lets all that was ever supplied reach uint64 and no more, whatever is on sale', async () => {
    ports.stocks.lock.resolves({ supplied: UINT64_MAX - 40n, onSale: 3n });
    assert.equal(await adjustStock(ports.store, ARRIVAL, ports), 43n);
    await assert.rejects(adjustStock(ports.store, { ...ARRIVAL, delta: 41n }, ports), (error) => {
      assert.ok(isRefusal(error, 'stock_too_large'));
      assert.deepEqual(error.facts, { ...PLACE, onSale: 3n });
      return true;
    });
    sinon.assert.calledOnce(ports.stocks.supply);
  });

  it('answers a repeated call as the first one, and touches no stock', async () => {
    ports.adjustments.claim.resolves({ onSale: 3n });
    assert.equal(await adjustStock(ports.store, ARRIVAL, ports), 3n);
    ports.adjustments.claim.resolves({ onSale: 3n, refusal: 'insufficient_stock' });
    await assert.rejects(adjustStock(ports.store, WRITE_OFF, ports), (error) => isRefusal(error, 'insufficient_stock'));
    assertNothingDone();
    sinon.assert.notCalled(ports.adjustments.settle);
  });

  it('refuses a key that came with another body before', async () => {
    ports.adjustments.claim.resolves('other body');
    await assert.rejects(adjustStock(ports.store, ARRIVAL, ports), (error) => isRefusal(error, 'idempotency_conflict'));
    assertNothingDone();
  });
});
