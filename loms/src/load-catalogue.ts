import { loadRows, sql } from 'service-kit';
import { z } from 'zod';

/** The part of the catalogue file that loms keeps. */
const products = z.array(
  z.object({
    sku: z.int().min(0).max(0xffff_ffff),
    stock: z.array(z.object({ warehouseID: z.int(), count: z.int().min(0) })),
  }),
);

await loadRows('stock', products, async (database, rows) => {
  const stocks = rows.flatMap(({ sku, stock }) =>
    stock.map(({ warehouseID, count }) => ({
      sku,
      warehouse_id: warehouseID,
      initial: count,
      supplied: count,
      on_sale: count,
    })),
  );
  const statement = sql
    .insert()
    .into('stocks')
    .setFieldsRows(stocks)
    .onConflict(['sku', 'warehouse_id'])
    .returning('sku');
  return (await database.run('load stock', statement)).length;
});
