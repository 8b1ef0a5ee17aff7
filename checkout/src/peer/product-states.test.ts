import assert from 'node:assert/strict';
import { RpcError } from 'rpc-kit';
import sinon, { type SinonStub } from 'sinon';
import type { ProductStates } from '../domain/ports.ts';
import { createProductStates } from './product-states.ts';

type Asked = SinonStub<[{ skus: number[] }], Promise<{ products: ReturnType<typeof productOf>[] }>>;

const context = { signal: new AbortController().signal };
const productOf = (sku: number, archived: boolean) => ({ sku, name: `sku ${sku}`, price: 1, version: 1, archived });

describe('createProductStates', () => {
  let getProducts: Asked;
  let states: ProductStates;
  beforeEach(() => {
    getProducts = sinon.stub();
    // Odd skus are archived, those from 1000 on are unknown.
    getProducts.callsFake(async ({ skus }) => ({
      products: skus.filter((sku) => sku < 1_000).map((sku) => productOf(sku, sku % 2 === 1)),
    }));
    states = createProductStates({ get_products: getProducts });
  });

  const archived = (...skus: number[]) =>
    Promise.all(skus.map(async (sku) => (await states.product(sku, context)).archived));
  const asked = () => getProducts.args.map(([{ skus }]) => skus);

  it('asks for all skus of one turn of the event loop in one call', async () => {
    const first = archived(1, 2);
    await Promise.resolve();
    const second = archived(3, 1, 1_000);
    assert.deepEqual(
      [await first, await second],
      [
        [true, false],
        [true, true, false],
      ],
    );
    assert.deepEqual(asked(), [[1, 2, 3, 1_000]]);
    assert.deepEqual(await archived(4), [false]);
    assert.deepEqual(asked().slice(1), [[4]]);
  });

  it('asks for at most a hundred skus in one call', async () => {
    const skus = Array.from({ length: 250 }, (_, sku) => sku);
    assert.deepEqual(
      await archived(...skus),
      skus.map((sku) => sku % 2 === 1),
    );
    assert.deepEqual(
      asked().map(({ length }) => length),
      [100, 100, 50],
    );
  });

  for (const code of ['unavailable', 'deadline_exceeded', 'internal', 'permission_denied'] as const) {
    it(`takes no product for archived when the product service answers ${code}, and asks again next time`, async () => {
      getProducts.onFirstCall().rejects(new RpcError(code, 'not now'));
      assert.deepEqual(await archived(1, 3), [false, false]);
      assert.deepEqual(await archived(1, 3), [true, true]);
    });
  }

  for (const code of ['method_not_found', 'not_found', 'unimplemented'] as const) {
    it(`asks a product service that answers ${code} once a minute`, async () => {
      using clock = fakeClock();
      getProducts.onFirstCall().rejects(new RpcError(code, 'no such method'));
      assert.deepEqual(await archived(1), [false]);
      clock.tick(59_999);
      assert.deepEqual(await archived(1, 3), [false, false]);
      assert.equal(getProducts.callCount, 1);
      clock.tick(1);
      assert.deepEqual(await archived(1), [true]);
    });
  }
});

/** Only what the module reads: turns of the event loop stay real. */
function fakeClock() {
  const clock = sinon.useFakeTimers({ toFake: ['performance'] });
  return Object.assign(clock, { [Symbol.dispose]: () => clock.restore() });
}
