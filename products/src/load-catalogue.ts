import { loadRows, statement } from 'service-kit';
import { z } from 'zod';

const uint32 = z.int().min(0).max(0xffff_ffff);

/** The part of the catalogue file that the product service keeps. */
const products = z.array(z.object({ sku: uint32, name: z.string().min(1), price: uint32 }));

await loadRows('products', products, async (database, rows) => {
  const column = (name: keyof (typeof rows)[number]) => rows.map((row) => row[name]);
  // Only skus without a product, so that nothing changes what an admin has updated or archived.
  const load = statement`
    WITH created AS (
      INSERT INTO products (sku, name, price)
      SELECT * FROM unnest(${column('sku')}::bigint[], ${column('name')}::text[], ${column('price')}::bigint[])
      ON CONFLICT (sku) DO NOTHING RETURNING sku, version, name, price
    )
    INSERT INTO product_changes (sku, version, action, name, price, caller)
    SELECT sku, version, 'created', name, price, 'load-catalogue' FROM created
    RETURNING sku`;
  return (await database.run('load products', load)).length;
});
