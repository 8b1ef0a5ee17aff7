import { type Database, type Executor, statement } from 'service-kit';
import type { Change, Products, Store } from '../domain/ports.ts';
import { type ProductRow, toProduct } from './product-row.ts';

export function createStore(database: Database): Store {
  return {
    transaction: (work, change) =>
      database.transaction((transaction) => work(createProducts(transaction, change)), { signal: change.signal }),
  };
}

/** Each statement changes a product and adds the row of its history. */
function createProducts(transaction: Executor, change: Change): Products {
  const { actor = null, caller, requestId } = change;
  return {
    async create({ sku, name, price }) {
      const create = statement`
        WITH created AS (
          INSERT INTO products (sku, name, price) VALUES (${sku}, ${name}, ${price})
          ON CONFLICT (sku) DO NOTHING RETURNING sku, version, name, price
        )
        INSERT INTO product_changes (sku, version, action, name, price, actor, caller, request_id)
        SELECT sku, version, 'created', name, price, ${actor}::bigint, ${caller}, ${requestId} FROM created
        RETURNING sku`;
      return (await transaction.run('create product', create)).length > 0;
    },

    async lock(sku) {
      const lock = statement`
        SELECT sku, name, price, version, archived_at FROM products WHERE sku = ${sku} FOR UPDATE`;
      const [row] = await transaction.run<ProductRow>('lock product', lock);
      return row && toProduct(row);
    },

    async change(action, { sku, name, price, version, archived }) {
      const change = statement`
        WITH changed AS (
          UPDATE products
          SET name = ${name}, price = ${price}, version = ${version},
            archived_at = CASE WHEN ${archived}::boolean THEN now() END
          WHERE sku = ${sku}
          RETURNING sku, version, name, price
        )
        INSERT INTO product_changes (sku, version, action, name, price, actor, caller, request_id)
        SELECT sku, version, ${action}, name, price, ${actor}::bigint, ${caller}, ${requestId} FROM changed`;
      await transaction.run('change product', change);
    },
  };
}
