import { type Database, statement } from 'service-kit';
import type { Catalogue } from '../catalogue.ts';

interface ProductRow {
  readonly sku: bigint;
  readonly name: string;
  readonly price: bigint;
}

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
  };
}
