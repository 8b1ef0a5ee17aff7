import type { Change, NewProduct, Product, Store } from './ports.ts';
import { Refusal } from './refusal.ts';

/** @throws {Refusal} product_exists, also for the sku of an archived product */
export async function createProduct(store: Store, product: NewProduct, change: Change): Promise<Product> {
  const isNew = await store.transaction((products) => products.create(product), change);
  if (!isNew) throw new Refusal({ reason: 'product_exists', facts: { sku: product.sku } });
  return { ...product, version: 1, archived: false };
}
