import { GET_PRODUCTS_MAX, type products } from 'products/contract.ts';
import { type Client, type Code, outsideCalls, RpcError } from 'rpc-kit';
import type { ProductStates } from '../domain/ports.ts';

/** What the original service answers: it has no get_products. */
const METHOD_MISSING = new Set<Code>(['method_not_found', 'not_found', 'unimplemented']);
/** Until get_products is tried again after such an answer: the requests of the original service are limited. */
const RETRY_MISSING_MS = 60_000;

/** Skus that are asked for together. */
interface Batch {
  readonly skus: Set<number>;
  readonly archived: Promise<ReadonlySet<number>>;
}

/**
 * Asks the product service which products are archived: all skus of one turn of the event loop in one call, outside of the limit
 * of get_product. While the product service fails, no product counts as archived: an outage would otherwise stop all sales, and
 * its harm is small, since loms still refuses goods that are not on sale. The client's metrics count the failures.
 */
export function createProductStates(client: Pick<Client<typeof products.methods>, 'get_products'>): ProductStates {
  let open: Batch | undefined;
  let missingUntil = Number.NEGATIVE_INFINITY;

  function begin(): Batch {
    const skus = new Set<number>();
    // A batch serves many calls, so it must not run in the trace and log scope of one.
    const archived = outsideCalls(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      open = undefined;
      return ask([...skus]);
    });
    return { skus, archived };
  }

  async function ask(skus: number[]): Promise<ReadonlySet<number>> {
    try {
      const { products } = await client.get_products({ skus });
      return new Set(products.filter(({ archived }) => archived).map(({ sku }) => sku));
    } catch (error) {
      if (error instanceof RpcError && METHOD_MISSING.has(error.code)) {
        missingUntil = performance.now() + RETRY_MISSING_MS;
      }
      return new Set();
    }
  }

  return {
    async product(sku) {
      if (performance.now() < missingUntil) return { archived: false };
      if (open && open.skus.size >= GET_PRODUCTS_MAX) open = undefined;
      open ??= begin();
      const { skus, archived } = open;
      skus.add(sku);
      return { archived: (await archived).has(sku) };
    },
  };
}
