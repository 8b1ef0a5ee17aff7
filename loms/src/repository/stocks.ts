import { type Database, type Executor, preparedStatement, statement } from 'service-kit';
import type { Stock, StockReader, Stocks } from '../domain/ports.ts';

interface StockRow {
  readonly sku: bigint;
  readonly warehouse_id: bigint;
  readonly on_sale: bigint;
}

export function createStockReader(database: Database): StockReader {
  return {
    async onSale(sku, { signal }) {
      const find = statement`
        SELECT sku, warehouse_id, on_sale FROM stocks WHERE on_sale > 0 AND sku = ${sku} ORDER BY warehouse_id`;
      return (await database.run<StockRow>('stocks on sale', find, { signal })).map(toStock);
    },
  };
}

/** Rows of `stocks` are always locked in ascending order of sku and warehouse, so that no two transactions wait for each other. */
export function createStocks(transaction: Executor): Stocks {
  return {
    async lockOnSale(skus) {
      const lock = preparedStatement`
        SELECT sku, warehouse_id, on_sale FROM stocks WHERE on_sale > 0 AND sku = ANY(${skus}::bigint[])
        ORDER BY sku, warehouse_id FOR UPDATE`;
      return (await transaction.run<StockRow>('lock stocks', lock)).map(toStock);
    },

    async create({ sku, warehouseID }) {
      await transaction.run(
        'create stock',
        statement`
          INSERT INTO stocks (sku, warehouse_id, initial, supplied, on_sale) VALUES (${sku}, ${warehouseID}, 0, 0, 0)
          ON CONFLICT (sku, warehouse_id) DO NOTHING`,
      );
    },

    async lock({ sku, warehouseID }) {
      const lock = statement`
        SELECT supplied, on_sale FROM stocks WHERE sku = ${sku} AND warehouse_id = ${warehouseID} FOR UPDATE`;
      const [row] = await transaction.run<{ supplied: bigint; on_sale: bigint }>('lock stock', lock);
      return row && { supplied: row.supplied, onSale: row.on_sale };
    },

    async supply({ sku, warehouseID }, delta) {
      await transaction.run(
        'supply stock',
        statement`
          UPDATE stocks SET supplied = supplied + ${delta}::bigint, on_sale = on_sale + ${delta}::bigint
          WHERE sku = ${sku} AND warehouse_id = ${warehouseID}`,
      );
    },
  };
}

function toStock(row: StockRow): Stock {
  return { sku: Number(row.sku), warehouseID: row.warehouse_id, count: row.on_sale };
}
