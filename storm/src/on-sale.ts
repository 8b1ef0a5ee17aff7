import { setTimeout as sleep } from 'node:timers/promises';
import { loms } from 'loms/contract.ts';
import { Failure } from 'mesh';
import { type Client, CODES, createClient, createHttpTransport, RpcError } from 'rpc-kit';
import { hideUrlSecrets } from 'rpc-kit/urls';
import { readSkus } from './catalogue.ts';
import { USER_AGENT } from './connections.ts';
import { chooseGoods, type Goods, type OnSale } from './goods.ts';

/** Asked at a time. A mesh that has just been started answers its first calls slowly. */
const QUESTIONS_MAX = 10;
/** How long a mesh may take until it answers; after that it is not slow but broken. */
const PATIENCE_MS = 15_000;
const PAUSE_MS = 200;

/** Looks what of the catalogue is on sale right now. */
export async function lookForGoods(url: string): Promise<Goods> {
  const skus = await readSkus();
  await using transport = createHttpTransport(url, { userAgent: USER_AGENT });
  const goods = chooseGoods(await askStocks(createClient(loms, transport), skus).catch((error) => refuse(url, error)));
  if (goods.hot.length > 0) return goods;
  throw new Failure('Nothing is on sale any more: stop the mesh, call make clean-data and start it again.');
}

async function askStocks(client: Client<typeof loms.methods>, skus: readonly number[]): Promise<OnSale[]> {
  const patientUntil = performance.now() + PATIENCE_MS;
  const onSale: OnSale[] = [];
  for (let from = 0; from < skus.length; from += QUESTIONS_MAX) {
    const questions = skus.slice(from, from + QUESTIONS_MAX);
    onSale.push(...(await Promise.all(questions.map((sku) => askStock(client, sku, patientUntil)))));
  }
  return onSale;
}

async function askStock(client: Client<typeof loms.methods>, sku: number, patientUntil: number): Promise<OnSale> {
  for (;;) {
    try {
      const { stocks } = await client.stocks({ sku });
      return { sku, count: stocks.reduce((sum, { count }) => sum + count, 0n) };
    } catch (error) {
      if (!(error instanceof RpcError) || CODES[error.code].retry === 'never') throw error;
      if (performance.now() > patientUntil) throw error;
      await sleep(PAUSE_MS);
    }
  }
}

function refuse(url: string, error: unknown): never {
  if (!(error instanceof RpcError)) throw error;
  throw new Failure(
    `loms does not answer at ${hideUrlSecrets(url)} (${error.code}): wait until the mesh is ready, then call this again.`,
  );
}
