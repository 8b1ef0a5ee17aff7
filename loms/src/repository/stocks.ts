import { arrayLiteral, type Database, type Executor, type Statement, sql } from 'service-kit';
import type { Reservation, Stock, StockReader, Stocks } from '../domain/ports.ts';

interface StockRow {
  readonly sku: bigint;
  readonly warehouse_id: bigint;
  readonly on_sale: bigint;
}

export function createStockReader(database: Database): StockReader {
  return {
    async onSale(sku, { signal }) {
      const statement = onSale().where('sku = ?', sku).order('warehouse_id');
      return (await database.run<StockRow>('stocks on sale', statement, { signal })).map(toStock);
    },
  };
}

/** Rows of `stocks` are always locked in ascending order of sku and warehouse, so that no two transactions wait for each other. */
export function createStocks(transaction: Executor): Stocks {
  return {
    async lockOnSale(skus) {
      const statement = onSale().where('sku IN ?', skus).order('sku').order('warehouse_id').for('UPDATE');
      return (await transaction.run<StockRow>('lock stocks', statement)).map(toStock);
    },

    async reserve(orderID, reservations) {
      const reserved = sql
        .insert()
        .into('reservations')
        .fromQuery(['order_id', 'sku', 'warehouse_id', 'count'], unnested(orderID, reservations))
        .returning('*');
      const shift = sql
        .update()
        .with('held', reserved)
        .table('stocks')
        .set('on_sale', sql.str('on_sale - held.count'))
        .set('reserved', sql.str('reserved + held.count'));
      await transaction.run('reserve stocks', whereHeld(shift));
    },

    async sell(orderID) {
      const shift = sql.update().with('held', heldBy(orderID)).with('gone', dropOf(orderID)).table('stocks');
      shift.set('reserved', sql.str('reserved - held.count')).set('sold', sql.str('sold + held.count'));
      await transaction.run('sell stocks', whereHeld(shift));
    },

    async release(orderID) {
      const shift = sql.update().with('held', heldBy(orderID)).with('gone', dropOf(orderID)).table('stocks');
      shift.set('reserved', sql.str('reserved - held.count')).set('on_sale', sql.str('on_sale + held.count'));
      await transaction.run('release stocks', whereHeld(shift));
    },
  };
}

function onSale() {
  return sql.select().from('stocks').fields(['sku', 'warehouse_id', 'on_sale']).where('on_sale > 0');
}

function unnested(orderID: bigint, reservations: readonly Reservation[]) {
  const column = (type: string, values: readonly (number | bigint)[]) =>
    sql.str(`unnest(?::${type}[])`, arrayLiteral(values));
  return sql
    .select()
    .field(sql.str('?::bigint', orderID))
    .field(
      column(
        'bigint',
        reservations.map(({ sku }) => sku),
      ),
    )
    .field(
      column(
        'bigint',
        reservations.map(({ warehouseID }) => warehouseID),
      ),
    )
    .field(
      column(
        'integer',
        reservations.map(({ count }) => count),
      ),
    );
}

/** The order's reservations, with their rows of `stocks` locked in ascending order. */
function heldBy(orderID: bigint) {
  return sql
    .select()
    .from('reservations')
    .join('stocks', null, 'stocks.sku = reservations.sku AND stocks.warehouse_id = reservations.warehouse_id')
    .fields(['reservations.sku', 'reservations.warehouse_id', 'reservations.count'])
    .where('reservations.order_id = ?', orderID)
    .order('reservations.sku')
    .order('reservations.warehouse_id')
    .for('UPDATE OF stocks');
}

function dropOf(orderID: bigint) {
  return sql.delete().from('reservations').where('order_id = ?', orderID);
}

function whereHeld<S extends { from?: unknown; where(condition: string): S }>(shift: S): Statement {
  (shift.from as (table: string) => S)('held');
  return shift.where('stocks.sku = held.sku').where('stocks.warehouse_id = held.warehouse_id') as unknown as Statement;
}

function toStock(row: StockRow): Stock {
  return { sku: Number(row.sku), warehouseID: row.warehouse_id, count: row.on_sale };
}
