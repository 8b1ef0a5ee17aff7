/** For benchmarks and tests of other packages, besides the contract. */
export { listCart } from '../src/domain/list-cart.ts';
export type { CartLine, CartReader, Context, ProductCatalogue } from '../src/domain/ports.ts';
export { cacheProducts } from '../src/peer/product-cache.ts';
export { createProductCatalogue, PRODUCT_LIMIT } from '../src/peer/products.ts';
export { type FakeProducts, startFakeProducts } from './fake-products.ts';
export { type CheckoutOptions, startCheckout } from './in-process.ts';
