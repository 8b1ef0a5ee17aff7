import type { Item, Reservation, Shortage, Stock } from './ports.ts';

export interface Allocation {
  /** None where there are shortages. */
  readonly reservations: readonly Reservation[];
  readonly shortages: readonly Shortage[];
}

/** Decides which warehouses the goods come from: the fullest first, so that an order comes in few parcels. */
export function allocate(items: readonly Item[], stocks: readonly Stock[]): Allocation {
  const bySku = Map.groupBy(stocks, (stock) => stock.sku);
  const reservations: Reservation[] = [];
  const shortages: Shortage[] = [];
  for (const { sku, count } of items) {
    const onSale = bySku.get(sku) ?? [];
    const available = onSale.reduce((sum, stock) => sum + stock.count, 0n);
    if (available < BigInt(count)) shortages.push({ sku, requested: count, available });
    else reservations.push(...take(sku, count, onSale));
  }
  return { reservations: shortages.length === 0 ? reservations : [], shortages };
}

/** Allocates one order after the other: each from what the earlier ones have left. */
export function allocateInTurn(orders: readonly (readonly Item[])[], stocks: readonly Stock[]): Allocation[] {
  const bySku = Map.groupBy(stocks, (stock) => stock.sku);
  return orders.map((items) => {
    const allocation = allocate(
      items,
      items.flatMap(({ sku }) => bySku.get(sku) ?? []),
    );
    for (const { sku, warehouseID, count } of allocation.reservations) {
      const left = (stock: Stock) => (stock.warehouseID === warehouseID ? stock.count - BigInt(count) : stock.count);
      bySku.set(sku, bySku.get(sku)?.map((stock) => ({ ...stock, count: left(stock) })) ?? []);
    }
    return allocation;
  });
}

function take(sku: number, count: number, onSale: readonly Stock[]): Reservation[] {
  const taken: Reservation[] = [];
  let missing = count;
  for (const { warehouseID, count: there } of onSale.toSorted(byFullness)) {
    if (missing === 0 || there === 0n) break;
    const part = there < BigInt(missing) ? Number(there) : missing;
    taken.push({ sku, warehouseID, count: part });
    missing -= part;
  }
  return taken;
}

function byFullness(a: Stock, b: Stock): number {
  if (a.count !== b.count) return a.count > b.count ? -1 : 1;
  return a.warehouseID < b.warehouseID ? -1 : 1;
}
