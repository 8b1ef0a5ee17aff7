import { ProductNotFound } from './errors.ts';
import type { Catalogue, Product } from './ports.ts';

/** @throws {ProductNotFound} */
export async function getProduct(catalogue: Catalogue, sku: number): Promise<Product> {
  const product = await catalogue.find(sku);
  if (!product) throw new ProductNotFound(sku);
  return product;
}
