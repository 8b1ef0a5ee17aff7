import { ProductNotFound } from './errors.ts';
import type { Catalogue, Context, Product } from './ports.ts';

/** @throws {ProductNotFound} */
export async function getProduct(catalogue: Catalogue, sku: number, context: Context): Promise<Product> {
  const product = await catalogue.find(sku, context);
  if (!product) throw new ProductNotFound(sku);
  return product;
}
