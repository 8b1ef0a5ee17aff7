import assert from 'node:assert/strict';
import sinon from 'sinon';
import { CHANGE, KETTLE, type StubbedPorts, stubPorts } from '../../test/port-stubs.ts';
import { type Update, updateProduct } from './update-product.ts';

const { sku } = KETTLE;

describe('updateProduct', () => {
  let ports: StubbedPorts;
  beforeEach(() => {
    ports = stubPorts();
    ports.products.lock.resolves(KETTLE);
  });

  const update = (changed: Partial<Update>) =>
    updateProduct(ports.store, { sku, version: 3, name: undefined, price: undefined, ...changed }, CHANGE);

  const changes: readonly (readonly [string, Partial<Update>, object])[] = [
    ['the name alone', { name: 'Самовар' }, { name: 'Самовар' }],
    ['the price alone, also to 0', { price: 0 }, { price: 0 }],
    ['both', { name: 'Самовар', price: 5 }, { name: 'Самовар', price: 5 }],
  ];
  for (const [what, changed, expected] of changes) {
    it(`changes ${what}, and makes the next version`, async () => {
      const next = { ...KETTLE, ...expected, version: 4 };
      assert.deepEqual(await update(changed), next);
      sinon.assert.calledOnceWithExactly(ports.products.change, 'updated', next);
    });
  }

  async function refuses(call: Promise<unknown>, reason: string, facts: object): Promise<void> {
    await assert.rejects(call, { reason, facts });
    sinon.assert.notCalled(ports.products.change);
  }

  it('refuses an unknown product', async () => {
    ports.products.lock.resolves(undefined);
    await refuses(update({ price: 1 }), 'product_not_found', { sku });
  });

  for (const version of [0, 2, 4]) {
    it(`refuses version ${version} when the current one is 3, which the error names`, async () => {
      await refuses(update({ version, price: 1 }), 'version_conflict', { sku, version: 3 });
    });
  }

  for (const version of [2, 3]) {
    it(`refuses an archived product of version 3 to a caller that has seen version ${version}`, async () => {
      ports.products.lock.resolves({ ...KETTLE, archived: true });
      await refuses(update({ version, price: 1 }), 'product_archived', { sku });
    });
  }
});
