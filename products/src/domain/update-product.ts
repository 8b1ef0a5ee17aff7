import type { Change, Product, Store } from './ports.ts';
import { Refusal } from './refusal.ts';

export interface Update {
  readonly sku: number;
  /** The version that the caller has seen. */
  readonly version: number;
  /** Undefined: stays as it is. */
  readonly name: string | undefined;
  readonly price: number | undefined;
}

/**
 * Changes the product if it still has the version that the caller has seen, so that no change overwrites one that its caller
 * does not know.
 *
 * @throws {Refusal} product_not_found, product_archived, version_conflict
 */
export function updateProduct(store: Store, { sku, version, name, price }: Update, change: Change): Promise<Product> {
  return store.transaction(async (products) => {
    const product = await products.lock(sku);
    if (!product) throw new Refusal({ reason: 'product_not_found', facts: { sku } });
    // Whatever the version: no later one can be changed either.
    if (product.archived) throw new Refusal({ reason: 'product_archived', facts: { sku } });
    if (product.version !== version) {
      throw new Refusal({ reason: 'version_conflict', facts: { sku, version: product.version } });
    }
    const next = { ...product, name: name ?? product.name, price: price ?? product.price, version: version + 1 };
    await products.change('updated', next);
    return next;
  }, change);
}
