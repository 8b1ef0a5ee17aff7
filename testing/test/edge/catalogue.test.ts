import assert from 'node:assert/strict';
import { checkout } from 'checkout/contract.ts';
import { loms } from 'loms/contract.ts';
import { products } from 'products/contract.ts';
import {
  type Client,
  createClient,
  createHttpTransport,
  failedWith,
  type Methods,
  type ServiceContract,
} from 'rpc-kit';
import { eventually, startMesh, type TestMesh } from 'testing';
import { isUnanswered } from '../../src/patience.ts';

const USER = 4_711n;
/** From catalogue/catalogue.json; loms has it on sale. */
const SKU = 1_076_963;
const NAME = 'Теория нравственных чувств';

describe('A product that an admin changes while it is in a cart', () => {
  const stack = new AsyncDisposableStack();
  let mesh: TestMesh;
  let catalogue: Client<typeof products.methods>;
  let carts: Client<typeof checkout.methods>;
  let orders: Client<typeof loms.methods>;

  const clientOf = <M extends Methods>(contract: ServiceContract<M>): Client<M> => {
    const authorization = mesh.caller.signerFor(contract.name);
    const url = mesh.urls[contract.name as 'products'];
    return createClient(contract, stack.use(createHttpTransport(url, { userAgent: 'gateway/tests', authorization })));
  };

  before(async () => {
    mesh = stack.use(await startMesh());
    [catalogue, carts, orders] = [clientOf(products), clientOf(checkout), clientOf(loms)];
  });
  after(() => stack.disposeAsync());

  const cart = async () => (await carts.listCart({ user: USER })).items;

  it('is shown by listCart with its new name and price, once the cached ones are too old', async () => {
    await carts.addToCart({ user: USER, sku: SKU, count: 2 });
    const [before] = await cart();
    assert.equal(before?.price, 3_379);
    const changed = await catalogue.update_product({ sku: SKU, version: 1, name: NAME, price: 5, actor: 1n });
    assert.deepEqual(changed, { sku: SKU, name: NAME, price: 5, version: 2, archived: false });
    await eventually('listCart shows the new price', async () => (await cart())[0]?.price === 5);
    assert.deepEqual(await carts.listCart({ user: USER }), {
      items: [{ sku: SKU, count: 2, name: NAME, price: 5 }],
      totalPrice: 10n,
    });
  });

  it('is found by its new name and no longer listed once it is archived', async () => {
    const skus = async () => (await catalogue.list_products({ name: NAME.toUpperCase(), limit: 1 })).products;
    assert.deepEqual((await skus())[0]?.sku, SKU);
    await catalogue.archive_product({ sku: SKU, version: 2, actor: 1n });
    assert.deepEqual(await skus(), []);
  });

  it('is refused by addToCart once it is archived, and stays in carts and orders', async () => {
    await eventually('addToCart refuses the archived product', async () => {
      try {
        await carts.addToCart({ user: USER + 1n, sku: SKU, count: 1 });
        return false;
      } catch (error) {
        if (isUnanswered(error)) return false;
        assert.ok(failedWith(error, checkout.methods.addToCart, 'product_archived'), String(error));
        return true;
      }
    });
    assert.deepEqual(await cart(), [{ sku: SKU, count: 2, name: NAME, price: 5 }]);
    const { orderID } = await carts.purchase({ user: USER });
    await orders.orderPayed({ orderID });
    assert.deepEqual((await orders.listOrder({ orderID })).items, [{ sku: SKU, count: 2 }]);
    assert.deepEqual(await cart(), []);
  });
});
