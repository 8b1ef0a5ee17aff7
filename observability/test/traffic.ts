import { setTimeout as sleep } from 'node:timers/promises';
import { type PerService, SERVICES, type TestMesh } from 'testing';
import { readMetricsText } from './scrape.ts';

/** From catalogue/catalogue.json. */
const SKUS = [1076963, 139275865];
const SKU_UNKNOWN = 4_000_000_001;
const TIMEOUT_MS = 20_000;

type TrafficMesh = Pick<TestMesh, 'urls' | 'caller'>;

/** Codes after which the outcome of a call is unknown; a busy machine causes them. */
const UNANSWERED = new Set(['unavailable', 'deadline_exceeded', 'resource_exhausted', 'cancelled']);

/**
 * Makes one call of every kind, valid and invalid, as a new user.
 * @returns whether the outcome of every call is known
 */
export async function makeTraffic({ urls, caller }: TrafficMesh, user: number): Promise<boolean> {
  const { checkout, loms, notifications, products } = urls;
  const [book = 0, dress = 0] = SKUS;
  let answered = true;
  const tokenFor = (url: string) => {
    const callee = SERVICES.find((service) => url.startsWith(`${urls[service]}/`)) ?? '';
    return caller.tokenFor(callee);
  };
  const post = async (url: string, body: unknown) => {
    const answer = await postOnce(url, body, await tokenFor(url));
    if (UNANSWERED.has((answer.error as { code?: string } | undefined)?.code ?? '')) answered = false;
    return answer;
  };
  await post(`${checkout}/addToCart`, { user, sku: book, count: 2 });
  await post(`${checkout}/addToCart`, { user, sku: dress, count: 1 });
  await post(`${checkout}/deleteFromCart`, { user, sku: dress, count: 1 });
  await post(`${checkout}/listCart`, { user });
  const { orderID } = await post(`${checkout}/purchase`, { user, idempotencyKey: `key-of-${user}` });
  await post(`${loms}/orderPayed`, { orderID });
  const { orderID: other } = await post(`${loms}/createOrder`, { user, items: [{ sku: dress, count: 1 }] });
  await post(`${loms}/cancelOrder`, { orderID: other });
  await post(`${loms}/createOrder`, { user, items: [{ sku: dress, count: 1 }] });
  await post(`${notifications}/history`, { user });
  await post(`${products}/get_product`, { token: 'testtoken', sku: book });
  await post(`${products}/list_skus`, { token: 'testtoken', startAfterSku: 0, count: 2 });
  await Promise.all(mistakes(urls, user).map(([url, body]) => post(url, body)));
  return answered;
}

/** Invalid calls of every kind, each with caller data that must not appear in a metric. */
function mistakes({ checkout, loms, products }: PerService<string>, user: number): [string, unknown][] {
  const call = (method: string, params: unknown) => ({ jsonrpc: '2.0', id: `id-${user}`, method, params });
  return [
    [`${checkout}/purchase`, { user }],
    [`${checkout}/addToCart`, { user, sku: SKU_UNKNOWN, count: 1 }],
    [`${checkout}/addToCart`, { user, sku: 'no number' }],
    [`${checkout}/no-such-method-${user}`, {}],
    [`${checkout}/rpc`, [call(`unknown${user}`, {}), call('listCart', { user: `user-${user}` })]],
    [`${loms}/listOrder`, { orderID: user }],
    [`${loms}/createOrder`, { user, items: [{ sku: SKU_UNKNOWN, count: 1 }] }],
    [`${products}/get_product`, { token: `token-${user}`, sku: 1 }],
    [`${products}/get_product`, { token: 'testtoken', sku: SKU_UNKNOWN }],
  ];
}

async function postOnce(url: string, body: unknown, token: string): Promise<Record<string, unknown>> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body), signal });
  return (await response.json()) as Record<string, unknown>;
}

const DRAIN_TIMEOUT_MS = 20_000;

/** Waits until all notifications of the traffic are stored, so that all its metrics have changed. */
export async function awaitDelivery(urls: PerService<string>): Promise<void> {
  const until = performance.now() + DRAIN_TIMEOUT_MS;
  while (!/^outbox_backlog\{.*\} 0$/m.test(await readMetricsText(urls.loms))) {
    if (performance.now() > until)
      throw new Error(`the outbox of loms did not drain within ${DRAIN_TIMEOUT_MS / 1_000} s`);
    await sleep(100);
  }
}
