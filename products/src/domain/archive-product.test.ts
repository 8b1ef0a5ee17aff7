import assert from 'node:assert/strict';
import sinon from 'sinon';
import { CHANGE, KETTLE, type StubbedPorts, stubPorts } from '../../test/port-stubs.ts';
import { archiveProduct } from './archive-product.ts';

const { sku } = KETTLE;

describe('archiveProduct', () => {
  let ports: StubbedPorts;
  beforeEach(() => {
    ports = stubPorts();
    ports.products.lock.resolves(KETTLE);
  });

  const archive = (version: number) => archiveProduct(ports.store, { sku, version }, CHANGE);

  it('keeps name and price, and makes the last version', async () => {
    const next = { ...KETTLE, version: 4, archived: true };
    assert.deepEqual(await archive(3), next);
    sinon.assert.calledOnceWithExactly(ports.products.change, 'archived', next);
  });

  it('changes nothing when the product is archived already', async () => {
    const archived = { ...KETTLE, archived: true };
    ports.products.lock.resolves(archived);
    assert.deepEqual(await archive(3), archived);
    sinon.assert.notCalled(ports.products.change);
  });

  for (const archived of [false, true]) {
    it(`refuses another version of a product that is${archived ? '' : ' not'} archived`, async () => {
      ports.products.lock.resolves({ ...KETTLE, archived });
      await assert.rejects(archive(2), { reason: 'version_conflict', facts: { sku, version: 3 } });
      sinon.assert.notCalled(ports.products.change);
    });
  }

  it('refuses an unknown product', async () => {
    ports.products.lock.resolves(undefined);
    await assert.rejects(archive(1), { reason: 'product_not_found', facts: { sku } });
  });
});
