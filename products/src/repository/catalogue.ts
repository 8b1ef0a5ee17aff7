import { type Database, sql } from 'service-kit';
import type { Catalogue } from '../domain/ports.ts';

interface ProductRow {
  readonly sku: bigint;
  readonly name: string;
  readonly price: bigint;
}

export function createCatalogue(database: Database): Catalogue {
  return {
    async find(sku, { signal }) {
      const statement = sql.select().from('products').fields(['sku', 'name', 'price']).where('sku = ?', sku);
      const [row] = await database.run<ProductRow>('find product', statement, { signal });
      return row && { sku: Number(row.sku), name: row.name, price: Number(row.price) };
    },

    async skusAfter(startAfterSku, count, { signal }) {
      const statement = sql
        .select()
        .from('products')
        .field('sku')
        .where('sku > ?', startAfterSku)
        .order('sku')
        .limit(count);
      const rows = await database.run<Pick<ProductRow, 'sku'>>('list skus', statement, { signal });
      return rows.map((row) => Number(row.sku));
    },
  };
}
