import type { Change, Product, Store } from './ports.ts';
import { Refusal } from './refusal.ts';

/**
 * Archives the product if it still has the version that the caller has seen. Archiving it again changes nothing.
 *
 * @throws {Refusal} product_not_found, version_conflict
 */
export function archiveProduct(
  store: Store,
  { sku, version }: { readonly sku: number; readonly version: number },
  change: Change,
): Promise<Product> {
  return store.transaction(async (products) => {
    const product = await products.lock(sku);
    if (!product) throw new Refusal({ reason: 'product_not_found', facts: { sku } });
    if (product.version !== version) {
      throw new Refusal({ reason: 'version_conflict', facts: { sku, version: product.version } });
    }
    if (product.archived) return product;
    const next = { ...product, version: version + 1, archived: true };
    await products.change('archived', next);
    return next;
  }, change);
}
