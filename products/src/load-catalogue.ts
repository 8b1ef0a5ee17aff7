import { loadRows, sql } from 'service-kit';
import { z } from 'zod';

const uint32 = z.int().min(0).max(0xffff_ffff);

/** The part of the catalogue file that the product service keeps. */
const products = z.array(z.object({ sku: uint32, name: z.string().min(1), price: uint32 }));

await loadRows('products', products, async (database, rows) => {
  const statement = sql.insert().into('products').setFieldsRows(rows).onConflict('sku').returning('sku');
  return (await database.run('load products', statement)).length;
});
