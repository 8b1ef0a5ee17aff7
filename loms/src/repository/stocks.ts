import { type Database, type Executor, fixedStatement, type Statement, sql } from 'service-kit';
import type { Stock, StockReader, Stocks } from '../domain/ports.ts';

interface StockRow {
  readonly sku: bigint;
  readonly warehouse_id: bigint;
  readonly on_sale: bigint;
}

export function createStockReader(database: Database): StockReader {
  return {
    async onSale(sku, { signal }) {
      return (await database.run<StockRow>('stocks on sale', stocksOnSale({ sku }), { signal })).map(toStock);
    },
  };
}

/** Rows of `stocks` are always locked in ascending order of sku and warehouse, so that no two transactions wait for each other. */
export function createStocks(transaction: Executor): Stocks {
  return {
    async lockOnSale(skus) {
      return (await transaction.run<StockRow>('lock stocks', lockStocks({ skus }))).map(toStock);
    },
    async reserve(orderID, reservations) {
      const skus = reservations.map(({ sku }) => sku);
      const warehouseIDs = reservations.map(({ warehouseID }) => warehouseID);
      const counts = reservations.map(({ count }) => count);
      await transaction.run('reserve stocks', reserveStocks({ orderID, skus, warehouseIDs, counts }));
    },
    async sell(orderID) {
      await transaction.run('sell stocks', sellStocks({ orderID }));
    },
    async release(orderID) {
      await transaction.run('release stocks', releaseStocks({ orderID }));
    },
  };
}

const onSale = () => sql.select().from('stocks').fields(['sku', 'warehouse_id', 'on_sale']).where('on_sale > 0');

const stocksOnSale = fixedStatement<{ sku: number }>(({ sku }) => onSale().where('sku = ?', sku).order('warehouse_id'));

const lockStocks = fixedStatement<{ skus: readonly number[] }>(({ skus }) =>
  onSale().where('sku = ANY(?::bigint[])', skus).order('sku').order('warehouse_id').for('UPDATE'),
);

interface Reserved {
  readonly orderID: bigint;
  readonly skus: readonly number[];
  readonly warehouseIDs: readonly bigint[];
  readonly counts: readonly number[];
}

const reserveStocks = fixedStatement<Reserved>(({ orderID, skus, warehouseIDs, counts }) => {
  const rows = sql
    .select()
    .field(sql.str('?::bigint', orderID))
    .field(sql.str('unnest(?::bigint[])', skus))
    .field(sql.str('unnest(?::bigint[])', warehouseIDs))
    .field(sql.str('unnest(?::integer[])', counts));
  const held = sql
    .insert()
    .into('reservations')
    .fromQuery(['order_id', 'sku', 'warehouse_id', 'count'], rows)
    .returning('*');
  const shift = sql.update().with('held', held).table('stocks');
  return whereHeld(
    shift.set('on_sale', sql.str('on_sale - held.count')).set('reserved', sql.str('reserved + held.count')),
  );
});

const sellStocks = fixedStatement<{ orderID: bigint }>(({ orderID }) =>
  whereHeld(
    dropping(orderID).set('reserved', sql.str('reserved - held.count')).set('sold', sql.str('sold + held.count')),
  ),
);

const releaseStocks = fixedStatement<{ orderID: bigint }>(({ orderID }) =>
  whereHeld(
    dropping(orderID).set('reserved', sql.str('reserved - held.count')).set('on_sale', sql.str('on_sale + held.count')),
  ),
);

/** The order's reservations go, and their rows of `stocks` are locked in ascending order to be changed by them. */
function dropping(orderID: bigint) {
  const held = sql
    .select()
    .from('reservations')
    .join('stocks', null, 'stocks.sku = reservations.sku AND stocks.warehouse_id = reservations.warehouse_id')
    .fields(['reservations.sku', 'reservations.warehouse_id', 'reservations.count'])
    .where('reservations.order_id = ?', orderID)
    .order('reservations.sku')
    .order('reservations.warehouse_id')
    .for('UPDATE OF stocks');
  const gone = sql.delete().from('reservations').where('order_id = ?', orderID);
  return sql.update().with('held', held).with('gone', gone).table('stocks');
}

function whereHeld<S extends { from?: unknown; where(condition: string): S }>(shift: S): Statement {
  (shift.from as (table: string) => S)('held');
  return shift.where('stocks.sku = held.sku').where('stocks.warehouse_id = held.warehouse_id') as unknown as Statement;
}

function toStock(row: StockRow): Stock {
  return { sku: Number(row.sku), warehouseID: row.warehouse_id, count: row.on_sale };
}
