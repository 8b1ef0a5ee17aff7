import { Failure } from 'local/running-mesh';
import { loms } from 'loms/contract.ts';
import { type Client, createClient, createHttpTransport, RpcError } from 'rpc-kit';
import { readSkus } from './catalogue.ts';
import { USER_AGENT } from './connections.ts';
import { chooseGoods, type Goods, type OnSale } from './goods.ts';

/** Asked at a time; a batch of rpc-kit holds 50. */
const QUESTIONS_MAX = 50;

/** Looks what of the catalogue is on sale right now. */
export async function lookForGoods(url: string): Promise<Goods> {
  const skus = await readSkus();
  await using transport = createHttpTransport(url, { userAgent: USER_AGENT });
  const goods = chooseGoods(await askStocks(createClient(loms, transport), skus).catch((error) => refuse(url, error)));
  if (goods.hot.length > 0) return goods;
  throw new Failure('Nothing is on sale any more: stop the mesh, call make clean-data and start it again.');
}

async function askStocks(client: Client<typeof loms.methods>, skus: readonly number[]): Promise<OnSale[]> {
  const onSale: OnSale[] = [];
  for (let from = 0; from < skus.length; from += QUESTIONS_MAX) {
    const ask = async (sku: number) => {
      const { stocks } = await client.stocks({ sku });
      return { sku, count: stocks.reduce((sum, { count }) => sum + count, 0n) };
    };
    onSale.push(...(await Promise.all(skus.slice(from, from + QUESTIONS_MAX).map(ask))));
  }
  return onSale;
}

function refuse(url: string, error: unknown): never {
  if (!(error instanceof RpcError)) throw error;
  throw new Failure(
    `loms does not answer at ${url} (${error.code}): wait until the mesh is ready, then call this again.`,
  );
}
