import { type Executor, sql } from 'service-kit';
import type { Catalogue } from '../domain/ports.ts';

interface ProductRow {
  readonly sku: bigint;
  readonly name: string;
  readonly price: bigint;
}

export function createCatalogue(database: Executor): Catalogue {
  return {
    async find(sku) {
      const statement = sql.select().from('products').fields(['sku', 'name', 'price']).where('sku = ?', sku);
      const [row] = await database.run<ProductRow>('find product', statement);
      return row && { sku: Number(row.sku), name: row.name, price: Number(row.price) };
    },

    async skusAfter(startAfterSku, count) {
      const statement = sql
        .select()
        .from('products')
        .field('sku')
        .where('sku > ?', startAfterSku)
        .order('sku')
        .limit(count);
      const rows = await database.run<Pick<ProductRow, 'sku'>>('list skus', statement);
      return rows.map((row) => Number(row.sku));
    },
  };
}
