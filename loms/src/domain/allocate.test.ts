import assert from 'node:assert/strict';
import fc from 'fast-check';
import { allocate, allocateInTurn } from './allocate.ts';
import type { Item, Reservation, Stock } from './ports.ts';

const UINT64_MAX = 2n ** 64n - 1n;
const SKU = 4_294_967_295;

function stockOf(warehouseID: bigint, count: bigint): Stock {
  return { sku: SKU, warehouseID, count };
}

describe('allocate', () => {
  it('takes from one warehouse where one has enough', () => {
    const stocks = [stockOf(1n, 4n), stockOf(2n, 9n), stockOf(3n, 5n)];
    assert.deepEqual(allocate([{ sku: SKU, count: 9 }], stocks), {
      reservations: [{ sku: SKU, warehouseID: 2n, count: 9 }],
      shortages: [],
    });
  });

  it('takes from the fullest first, and of equally full ones from the lower number', () => {
    const stocks = [stockOf(7n, 3n), stockOf(-1n, 3n), stockOf(2n, 5n)];
    assert.deepEqual(allocate([{ sku: SKU, count: 9 }], stocks).reservations, [
      { sku: SKU, warehouseID: 2n, count: 5 },
      { sku: SKU, warehouseID: -1n, count: 3 },
      { sku: SKU, warehouseID: 7n, count: 1 },
    ]);
  });

  it('counts beyond 2^53 exactly', () => {
    const stocks = [stockOf(1n, UINT64_MAX - 1n), stockOf(2n, UINT64_MAX)];
    assert.deepEqual(allocate([{ sku: SKU, count: 65_535 }], stocks).reservations, [
      { sku: SKU, warehouseID: 2n, count: 65_535 },
    ]);
  });

  it('is short of all of a sku that lies nowhere', () => {
    assert.deepEqual(allocate([{ sku: SKU, count: 3 }], []), {
      reservations: [],
      shortages: [{ sku: SKU, requested: 3, available: 0n }],
    });
  });

  it('takes all that was asked for from the fullest, or nothing, and is short of just what is not there', () => {
    fc.assert(
      fc.property(items, stocks, (wanted, there) => {
        const { reservations, shortages } = allocate(wanted, there);
        for (const { sku, count } of wanted) {
          const onSale = there.filter((stock) => stock.sku === sku);
          const available = onSale.reduce((sum, stock) => sum + stock.count, 0n);
          const taken = reservations.filter((reservation) => reservation.sku === sku);
          const shortage = shortages.filter((short) => short.sku === sku);
          if (available < BigInt(count)) {
            assert.deepEqual(shortage, [{ sku, requested: count, available }]);
            assert.deepEqual(taken, []);
          } else if (shortages.length > 0) {
            assert.deepEqual(shortage, []);
            assert.deepEqual(taken, []);
          } else {
            assert.deepEqual(shortage, []);
            assert.equal(
              taken.reduce((sum, reservation) => sum + reservation.count, 0),
              count,
            );
            assertFromFullest(taken, onSale);
          }
        }
        assert.ok(reservations.every(({ sku }) => wanted.some((item) => item.sku === sku)));
      }),
    );
  });

  it('changes nothing of what it is given', () => {
    fc.assert(
      fc.property(items, stocks, (wanted, there) => {
        for (const given of [wanted, there]) Object.freeze(given).forEach(Object.freeze);
        allocate(wanted, there);
      }),
    );
  });
});

describe('allocateInTurn', () => {
  it('gives each order what it would get if the earlier ones had been allocated before', () => {
    fc.assert(
      fc.property(fc.array(items, { maxLength: 6 }), stocks, (orders, there) => {
        let left: readonly Stock[] = there;
        const expected = orders.map((wanted) => {
          const allocation = allocate(wanted, left);
          left = left.map((stock) => ({ ...stock, count: stock.count - takenFrom(stock, allocation.reservations) }));
          return allocation;
        });
        assert.deepEqual(allocateInTurn(orders, there), expected);
        assert.ok(left.every(({ count }) => count >= 0n));
      }),
    );
  });
});

function takenFrom({ sku, warehouseID }: Stock, reservations: readonly Reservation[]): bigint {
  const here = reservations.filter((part) => part.sku === sku && part.warehouseID === warehouseID);
  return here.reduce((sum, part) => sum + BigInt(part.count), 0n);
}

/** A warehouse is left only when it is empty, and every one that was passed over is no fuller than those taken from. */
function assertFromFullest(taken: readonly { warehouseID: bigint; count: number }[], onSale: readonly Stock[]): void {
  const fullness = taken.map(({ warehouseID, count }, index) => {
    const there = onSale.find((stock) => stock.warehouseID === warehouseID)?.count ?? 0n;
    const isLast = index === taken.length - 1;
    assert.ok(count >= 1 && (isLast ? BigInt(count) <= there : BigInt(count) === there));
    return there;
  });
  assert.equal(new Set(taken.map(({ warehouseID }) => warehouseID)).size, taken.length);
  const passedOver = onSale.filter((stock) => !taken.some(({ warehouseID }) => warehouseID === stock.warehouseID));
  const order = [...fullness, ...passedOver.map(({ count }) => count).toSorted((a, b) => (a > b ? -1 : 1))];
  assert.ok(order.every((there, index) => index === 0 || there <= (order[index - 1] ?? 0n)));
}

/** Few skus and warehouses with few goods, so that there is often just enough; and sometimes as much as there can be. */
const sku = fc.integer({ min: 1, max: 4 });
const items: fc.Arbitrary<Item[]> = fc.uniqueArray(fc.record({ sku, count: fc.integer({ min: 1, max: 12 }) }), {
  selector: (item) => item.sku,
});
const count = fc.oneof(
  { weight: 9, arbitrary: fc.bigInt(0n, 6n) },
  { weight: 1, arbitrary: fc.bigInt(0n, UINT64_MAX) },
);
const stocks: fc.Arbitrary<Stock[]> = fc.uniqueArray(fc.record({ sku, warehouseID: fc.bigInt(-2n, 3n), count }), {
  selector: (stock) => `${stock.sku}/${stock.warehouseID}`,
  maxLength: 20,
});
