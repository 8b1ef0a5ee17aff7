import assert from 'node:assert/strict';
import type { RecordedCall } from '../recorder.ts';
import { createRecordedUser } from '../testing.ts';
import { adjustStock, changePrice, productLife } from './administering.ts';
import { cartEditor, doubleClick, keyReuse, payRacesCancel } from './racing.ts';
import { abandon, cancel, impatientCaller, shopper, stockChecker } from './shopping.ts';

const lines = [
  { sku: 1, count: 2 },
  { sku: 2, count: 1 },
];

const keysOf = (calls: readonly RecordedCall[], method: string) =>
  calls.filter((call) => call.method === method).map(({ params }) => params.idempotencyKey);

describe('what users do', () => {
  it('shopper: fills the cart, views it, buys and pays', async () => {
    const { user, methods } = createRecordedUser();
    await shopper.play({ lines, viewsCart: true, viewsOrder: true }, user);
    assert.deepEqual(methods(), ['addToCart', 'addToCart', 'listCart', 'purchase', 'orderPayed', 'listOrder']);
  });

  it('shopper: removes goods that are out of stock from the cart', async () => {
    const { user, calls, methods } = createRecordedUser({ outOfStock: [2] });
    await shopper.play({ lines, viewsCart: false, viewsOrder: false }, user);
    assert.deepEqual(methods(), ['addToCart', 'addToCart', 'purchase', 'deleteFromCart']);
    assert.equal(calls.at(-1)?.params.sku, 2);
  });

  it('shopper: leaves when none of the goods are on sale', async () => {
    const { user, methods } = createRecordedUser({ soldOut: true });
    await shopper.play({ lines, viewsCart: true, viewsOrder: true }, user);
    assert.deepEqual(methods(), ['addToCart', 'addToCart']);
  });

  for (const buysBy of ['purchase', 'createOrder'] as const) {
    it(`double click: calls ${buysBy} twice with one key, then pays twice, from two windows`, async () => {
      const { user, calls } = createRecordedUser({ settledTogether: 2 });
      await doubleClick.play({ lines, buysBy, settlesBy: 'orderPayed' }, user);
      const [first, second, ...others] = keysOf(calls, buysBy);
      assert.ok(first !== undefined && first === second && others.length === 0);
      const payments = calls.filter(({ method }) => method === 'orderPayed');
      assert.deepEqual(payments.map(({ client }) => client).toSorted(), ['user-1a', 'user-1b']);
    });
  }

  it('key reuse: sends the same key with other goods to loms', async () => {
    const { user, calls } = createRecordedUser();
    await keyReuse.play({ lines, buysBy: 'createOrder' }, user);
    const [first, second] = keysOf(calls, 'createOrder');
    assert.equal(first, second);
    assert.notDeepEqual(calls[0]?.params.items, calls[1]?.params.items);
  });

  it('key reuse: sends the key of a purchase as another user', async () => {
    const { user, calls } = createRecordedUser();
    await keyReuse.play({ lines, buysBy: 'purchase' }, user);
    const [first, second] = keysOf(calls, 'purchase');
    assert.equal(first, second);
    const purchases = calls.filter(({ method }) => method === 'purchase');
    assert.deepEqual(
      purchases.map(({ params }) => params.user),
      [user.id, user.stranger],
    );
  });

  for (const first of ['pay', 'cancel'] as const) {
    it(`pay races cancel: sends both before either is answered, ${first} first`, async () => {
      const { user, calls } = createRecordedUser({ settledTogether: 2 });
      await payRacesCancel.play({ lines, first }, user);
      const settling = calls.filter(({ method }) => method === 'orderPayed' || method === 'cancelOrder');
      assert.deepEqual(
        settling.map(({ method, outcome }) => [method, outcome.result]),
        first === 'pay'
          ? [
              ['orderPayed', 'ok'],
              ['cancelOrder', 'ok'],
            ]
          : [
              ['cancelOrder', 'ok'],
              ['orderPayed', 'ok'],
            ],
      );
    });
  }

  it('cancel: buys, cancels, and pays too late', async () => {
    const { user, methods } = createRecordedUser();
    await cancel.play({ lines, buysBy: 'createOrder', paysAfterwards: true }, user);
    assert.deepEqual(methods(), ['createOrder', 'cancelOrder', 'orderPayed']);
  });

  it('abandon: orders and never pays', async () => {
    const { user, methods } = createRecordedUser();
    await abandon.play({ lines }, user);
    assert.deepEqual(methods(), ['createOrder']);
  });

  it('impatient caller: cancels the purchase and returns with the same key', async () => {
    const { user, calls } = createRecordedUser();
    const given = { purchaseGivenUpAfterMs: 0, paymentGivenUpAfterMs: 60_000, returns: true };
    await impatientCaller.play({ lines, ...given }, user);
    const [first, second] = keysOf(calls, 'purchase');
    assert.ok(first !== undefined && first === second);
    assert.equal(calls.at(-1)?.method, 'orderPayed');
  });

  it('cart editor: edits in a second window while the first one buys', async () => {
    const { user, calls } = createRecordedUser();
    const edits = [
      { method: 'addToCart', line: { sku: 3, count: 1 } },
      { method: 'deleteFromCart', line: { sku: 1, count: 1 } },
    ] as const;
    await cartEditor.play({ lines, edits, viewsCart: true }, user);
    const second = calls.filter(({ client }) => client === 'user-1b').map(({ method }) => method);
    assert.deepEqual(second, ['addToCart', 'deleteFromCart']);
    assert.deepEqual(
      calls.slice(-2).map(({ method }) => method),
      ['listCart', 'orderPayed'],
    );
  });

  it('stock checker: reads the stock', async () => {
    const { user, methods } = createRecordedUser();
    await stockChecker.play({ skus: [1, 2] }, user);
    assert.deepEqual(methods(), ['stocks', 'stocks']);
  });

  it('adjust stock: sends one key twice at once, and then with another delta', async () => {
    const { user, calls } = createRecordedUser();
    await adjustStock.play({ sku: 1, warehouse: 2, delta: -4, pressesTwice: true, reusesKey: true }, user);
    assert.equal(new Set(keysOf(calls, 'adjustStock')).size, 1);
    assert.deepEqual(
      calls.map(({ params }) => params.delta),
      [-4n, -4n, -5n],
    );
    assert.ok(calls.every(({ params }) => params.actor === user.id && params.warehouseID === 2n));
  });

  it('change price: sends two prices with one version, from two windows', async () => {
    const { user, calls } = createRecordedUser();
    await changePrice.play({ sku: 1, prices: [5, 6], isRace: true }, user);
    const [, ...changes] = calls;
    assert.deepEqual(
      changes.map(({ client, params }) => [client, params.version, params.price]),
      [
        ['user-1a', 1, 5],
        ['user-1b', 1, 6],
      ],
    );
  });

  it('product life: creates, renames, supplies and archives a product, and changes it too late', async () => {
    const { user, calls, methods } = createRecordedUser();
    await productLife.play({ price: 5, units: 6 }, user);
    const made = ['create_product', 'update_product', 'adjustStock', 'archive_product', 'update_product'];
    assert.deepEqual(methods(), made);
    assert.equal(new Set(calls.map(({ params }) => params.sku)).size, 1);
    await productLife.play({ price: 5, units: 6 }, user);
    assert.notEqual(calls.at(-1)?.params.sku, calls[0]?.params.sku);
  });

  it('no user makes a call when the storm is over', async () => {
    const { user, calls } = createRecordedUser({}, AbortSignal.abort());
    await assert.rejects(shopper.play({ lines, viewsCart: false, viewsOrder: false }, user));
    assert.deepEqual(calls, []);
  });
});
