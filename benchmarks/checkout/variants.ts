import { checkout } from 'checkout/contract.ts';
import {
  type CartReader,
  type Context,
  cacheProducts,
  createProductCatalogue,
  listCart,
  PRODUCT_LIMIT,
  type ProductCatalogue,
} from 'checkout/testing';
import { products } from 'products/contract.ts';
import { createTokenBucket, type Limiter } from 'rpc-kit';
import { createRegistry, openPeer, type Peer } from 'service-kit';
import { runInPool } from 'worker-pool';

/** How long the product service takes for one answer. */
export const ANSWER_MS = 50;

/** All carts hold skus from 1 to this one. */
export const CATALOGUE_SIZE = 50;

/** From the plainest one to the one that checkout runs. */
export const VARIANTS = [
  { name: 'one-by-one', title: 'one by one', limited: false, shared: false },
  { name: 'pool', title: 'pool of 5', limited: false, shared: false },
  { name: 'limit', title: 'pool + limit', limited: true, shared: false },
  { name: 'all', title: '**pool + limit + single-flight and cache**', limited: true, shared: true },
] as const;

export type Variant = (typeof VARIANTS)[number];
export type VariantName = Variant['name'];

/** `lifted`: the queue has no limit and calls have no deadline. `real`: both as in checkout. */
export type Bounds = 'lifted' | 'real';

/** The deadline of a real listCart. */
export const LIST_CART_TIMEOUT_MS = checkout.methods.listCart.timeoutMs;
/** The default of `PRODUCT_CACHE_MAX_AGE_MS`. */
const CACHE_MAX_AGE_MS = 1_000;

/** The most that a token bucket takes. */
const WAITERS_MAX = 2 ** 31 - 1;

export type List = (user: bigint, context: Context) => Promise<unknown>;

/** A client for the product service as checkout's main.ts opens it. */
export function openProducts(port: number): Peer<typeof products.methods> {
  return openPeer(products, {
    urls: [`http://127.0.0.1:${port}`],
    userAgent: 'benchmark/1.0.0',
    registry: createRegistry('benchmark'),
    face: 'plain',
    retries: false,
  });
}

/** listCart with its own bucket and cache, so that each run starts with an empty one. */
export function assemble(
  name: VariantName,
  bounds: Bounds,
  { client }: Peer<typeof products.methods>,
  carts: CartReader,
): List {
  const waitersMax = bounds === 'lifted' ? WAITERS_MAX : PRODUCT_LIMIT.waitersMax;
  const limiter =
    name === 'limit' || name === 'all' ? createTokenBucket({ ...PRODUCT_LIMIT, waitersMax }) : unlimited();
  const service = createProductCatalogue({ client, token: 'the token of the benchmark', limiter });
  const catalogue = name === 'all' ? cacheProducts(service, { maxAgeMs: CACHE_MAX_AGE_MS }) : service;
  if (name === 'one-by-one') return listOneByOne(carts, catalogue);
  return (user, context) => listCart({ carts, catalogue }, user, context);
}

function unlimited(): Limiter {
  const token = { [Symbol.dispose]() {} };
  return { take: async () => token, waiting: 0 };
}

/** listCart with a pool of one. */
function listOneByOne(carts: CartReader, catalogue: ProductCatalogue): List {
  return async (user, context) =>
    runInPool(
      await carts.lines(user, context),
      async (line, signal) => ({ ...line, ...(await catalogue.product(line.sku, { ...context, signal })) }),
      { concurrency: 1, signal: context.signal },
    );
}
