import { type Call, RpcError, stringifyJson, type Transport } from 'rpc-kit';
import type { Account } from './account.ts';
import type { Exchange, RestRequest } from './exchange.ts';

/** Params and results in wire form. */
type Wire = Readonly<Record<string, unknown>>;

interface RestCall extends Omit<RestRequest, 'signal' | 'headers'> {
  readonly headers?: Readonly<Record<string, string>>;
  /** The service's result from the body of the answer. */
  readonly result: (body: Wire) => unknown;
}

const NOTHING = (): Wire => ({});
const digits = (value: unknown): string => stringifyJson(value);

/** Names and prices of products as this user saw them last: REST replaces both, the service's contract changes one of them. */
type Seen = Map<number, { readonly name: unknown; readonly price: unknown }>;

/** The routes that stand for the methods of services, by method. Users and actors are those of the token. */
const ROUTES: Readonly<Record<string, (params: Wire, seen: Seen) => RestCall>> = {
  addToCart: ({ sku, count }) => ({ method: 'POST', path: '/cart/items', body: { sku, count }, result: NOTHING }),
  deleteFromCart: ({ sku, count }) => ({
    method: 'DELETE',
    path: `/cart/items/${sku}?count=${count}`,
    result: NOTHING,
  }),
  listCart: () => ({ method: 'GET', path: '/cart', result: (body) => body }),
  purchase: ({ idempotencyKey }) => ({
    method: 'POST',
    path: '/cart/purchase',
    headers: { 'idempotency-key': String(idempotencyKey) },
    result: ({ orderID }) => ({ orderID }),
  }),
  createOrder: ({ items, idempotencyKey }) => ({
    method: 'POST',
    path: '/orders',
    headers: { 'idempotency-key': String(idempotencyKey) },
    body: { items },
    result: ({ orderID }) => ({ orderID }),
  }),
  listOrders: ({ limit, cursor }) => ({
    method: 'GET',
    path: `/orders?limit=${limit}${cursor === undefined ? '' : `&cursor=${cursor}`}`,
    result: ({ items, nextCursor }) => ({ orders: items, nextCursor }),
  }),
  orderPayed: ({ orderID }) => ({ method: 'POST', path: `/orders/${digits(orderID)}/pay`, result: NOTHING }),
  cancelOrder: ({ orderID }) => ({ method: 'POST', path: `/orders/${digits(orderID)}/cancel`, result: NOTHING }),
  history: ({ limit }) => ({
    method: 'GET',
    path: `/notifications?limit=${limit}`,
    result: ({ items, nextCursor }) => ({ notifications: items, nextCursor }),
  }),
  get_products: ({ skus }, seen) => ({
    method: 'GET',
    path: `/products/${(skus as number[])[0]}`,
    result: (body) => ({ products: [toProduct(body, seen)] }),
  }),
  create_product: ({ sku, name, price }, seen) => ({
    method: 'POST',
    path: '/products',
    body: { sku, name, price },
    result: (body) => toProduct(body, seen),
  }),
  update_product: ({ sku, version, ...change }, seen) => ({
    method: 'PUT',
    path: `/products/${sku}`,
    headers: ifMatch(version),
    body: { ...seen.get(sku as number), ...withoutActor(change) },
    result: (body) => toProduct(body, seen),
  }),
  archive_product: ({ sku, version }, seen) => ({
    method: 'DELETE',
    path: `/products/${sku}`,
    headers: ifMatch(version),
    result: () => ({ sku, ...seen.get(sku as number), version: (version as number) + 1, archived: true }),
  }),
  adjustStock: ({ sku, warehouseID, delta, idempotencyKey }) => ({
    method: 'POST',
    path: `/products/${sku}/stock`,
    headers: { 'idempotency-key': String(idempotencyKey) },
    body: { warehouseID: digits(warehouseID), delta },
    result: (body) => body,
  }),
};

/** The contracts' clients over REST: the same calls, history and rules as on the faces of the services. */
export function createRestTransport(exchange: Exchange, accountOf: (params: Wire) => Account): Transport {
  const seen: Seen = new Map();
  return {
    async call({ method, params, signal }: Call) {
      if (method === 'listOrder') return showOrder(exchange, accountOf, params as Wire, signal);
      const route = ROUTES[method];
      if (!route) throw new RpcError('unimplemented', `The gateway has no route for ${method}`);
      const { result, ...request } = route(params as Wire, seen);
      return result((await send(exchange, accountOf(params as Wire), request, signal)) as Wire);
    },
  };
}

/** REST does not name the user of an order, since it shows nobody another's. */
async function showOrder(exchange: Exchange, accountOf: (params: Wire) => Account, params: Wire, signal: AbortSignal) {
  const account = accountOf(params);
  const path = `/orders/${digits(params.orderID)}`;
  const { status, items } = (await send(exchange, account, { method: 'GET', path }, signal)) as Wire;
  return { status, items, user: account.user };
}

async function send(
  exchange: Exchange,
  account: Account,
  { headers, ...request }: Omit<RestRequest, 'signal'>,
  signal: AbortSignal,
): Promise<unknown> {
  const authorization = `Bearer ${await account.token()}`;
  return exchange({ ...request, headers: { ...headers, authorization }, signal });
}

const ifMatch = (version: unknown) => ({ 'if-match': `"${version}"` });

function withoutActor({ actor: _actor, ...change }: Wire): Wire {
  return change;
}

function toProduct(body: Wire, seen: Seen): Wire {
  const { sku, name, price } = body;
  seen.set(sku as number, { name, price });
  return { archived: false, ...body };
}
