import { type Database, sql, statement } from 'service-kit';
import type { Catalogue } from '../domain/ports.ts';
import { type ProductRow, toProduct } from './product-row.ts';

export function createCatalogue(database: Database): Catalogue {
  return {
    async find(sku, { signal }) {
      const find = statement`SELECT sku, name, price FROM products WHERE sku = ${sku}`;
      const [row] = await database.run<ProductRow>('find product', find, { signal });
      return row && { sku: Number(row.sku), name: row.name, price: Number(row.price) };
    },

    async skusAfter(startAfterSku, count, { signal }) {
      const list = statement`SELECT sku FROM products WHERE sku > ${startAfterSku} ORDER BY sku LIMIT ${count}`;
      const rows = await database.run<Pick<ProductRow, 'sku'>>('list skus', list, { signal });
      return rows.map((row) => Number(row.sku));
    },

    async findAll(skus, { signal }) {
      const find = statement`
        SELECT sku, name, price, version, archived_at FROM products WHERE sku = ANY(${skus}::bigint[]) ORDER BY sku`;
      return (await database.run<ProductRow>('find products', find, { signal })).map(toProduct);
    },

    async list({ name, afterSku, count }, { signal }) {
      const list = sql.select().from('products').fields(['sku', 'name', 'price', 'version', 'archived_at']);
      list.where('archived_at IS NULL');
      if (afterSku !== undefined) list.where('sku > ?', afterSku);
      if (name !== undefined) {
        // The first condition is exact and cheap. The second one, which finds a few products too many, is for the index.
        list.where('strpos(folded_name, fold_name(?)) > 0', name);
        list.where("name_key(folded_name) LIKE '%' || name_key(fold_name(?)) || '%'", name);
      }
      list.order('sku').limit(count);
      return (await database.run<ProductRow>('list products', list, { signal })).map(toProduct);
    },
  };
}
