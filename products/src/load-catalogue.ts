import { loadCatalogue, sql } from 'service-kit';

await loadCatalogue('products', async (database, entries) => {
  const rows = entries.map(({ sku, name, price }) => ({ sku, name, price }));
  const statement = sql.insert().into('products').setFieldsRows(rows).onConflict('sku').returning('sku');
  return (await database.run('load products', statement)).length;
});
