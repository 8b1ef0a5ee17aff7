import { loadCatalogue, sql } from 'service-kit';

await loadCatalogue('stock', async (database, entries) => {
  const rows = entries.flatMap(({ sku, stock }) =>
    stock.map(({ warehouseID, count }) => ({ sku, warehouse_id: warehouseID, supplied: count, on_sale: count })),
  );
  const statement = sql
    .insert()
    .into('stocks')
    .setFieldsRows(rows)
    .onConflict(['sku', 'warehouse_id'])
    .returning('sku');
  return (await database.run('load stock', statement)).length;
});
