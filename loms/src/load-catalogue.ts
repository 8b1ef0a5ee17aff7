import { loadRows, statement } from 'service-kit';
import { z } from 'zod';

/** The part of the catalogue file that loms keeps. */
const products = z.array(
  z.object({
    sku: z.int().min(0).max(0xffff_ffff),
    stock: z.array(z.object({ warehouseID: z.int(), count: z.int().min(0) })),
  }),
);

await loadRows('stock', products, async (database, rows) => {
  const stocks = rows.flatMap(({ sku, stock }) => stock.map((place) => ({ sku, ...place })));
  const column = (name: keyof (typeof stocks)[number]) => stocks.map((row) => row[name]);
  // Arrays, since a statement has at most 65,535 parameters.
  const load = statement`
    INSERT INTO stocks (sku, warehouse_id, initial, supplied, on_sale)
    SELECT sku, warehouse_id, count, count, count FROM unnest(
      ${column('sku')}::bigint[], ${column('warehouseID')}::bigint[], ${column('count')}::numeric[]
    ) AS stock (sku, warehouse_id, count)
    ON CONFLICT (sku, warehouse_id) DO NOTHING RETURNING sku`;
  return (await database.run('load stock', load)).length;
});
