import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loms } from 'loms/contract.ts';
import { Failure } from 'mesh';
import { type Client, CODES, createClient, createHttpTransport, RpcError } from 'rpc-kit';
import { hideUrlSecrets } from 'rpc-kit/urls';
import { type Caller, USER_AGENT } from './connections.ts';
import { chooseGoods, type Goods, type OnSale } from './goods.ts';

const CATALOGUE = join(import.meta.dirname, '../../catalogue/catalogue.json');
/** Calls at a time. A mesh that has just started answers its first calls slowly. */
const CALLS_MAX = 10;
/** A mesh that does not answer within this time is broken. */
const ANSWER_TIMEOUT_MS = 15_000;
const PAUSE_MS = 200;

/** Reads from loms how much of each product of the catalogue is on sale. */
export async function findGoods(url: string, caller: Caller): Promise<Goods> {
  const products: { sku: number }[] = JSON.parse(await readFile(CATALOGUE, 'utf8'));
  const skus = products.map(({ sku }) => sku);
  await using transport = createHttpTransport(url, {
    userAgent: USER_AGENT,
    authorization: caller.signerFor(loms.name),
    tls: caller.tls,
  });
  const goods = chooseGoods(await readStocks(createClient(loms, transport), skus).catch((error) => refuse(url, error)));
  if (goods.hot.length > 0) return goods;
  throw new Failure('Nothing is on sale: stop the mesh, run make clean-data and start it again.');
}

async function readStocks(client: Client<typeof loms.methods>, skus: readonly number[]): Promise<OnSale[]> {
  const retryUntil = performance.now() + ANSWER_TIMEOUT_MS;
  const onSale: OnSale[] = [];
  for (let from = 0; from < skus.length; from += CALLS_MAX) {
    const batch = skus.slice(from, from + CALLS_MAX);
    onSale.push(...(await Promise.all(batch.map((sku) => readStock(client, sku, retryUntil)))));
  }
  return onSale;
}

async function readStock(client: Client<typeof loms.methods>, sku: number, retryUntil: number): Promise<OnSale> {
  for (;;) {
    try {
      const { stocks } = await client.stocks({ sku });
      return { sku, count: stocks.reduce((sum, { count }) => sum + count, 0n) };
    } catch (error) {
      if (!(error instanceof RpcError) || CODES[error.code].retry === 'never') throw error;
      if (performance.now() > retryUntil) throw error;
      await sleep(PAUSE_MS);
    }
  }
}

function refuse(url: string, error: unknown): never {
  if (!(error instanceof RpcError)) throw error;
  throw new Failure(
    `loms does not answer at ${hideUrlSecrets(url)} (${error.code}): wait until the mesh is ready, then try again.`,
  );
}
