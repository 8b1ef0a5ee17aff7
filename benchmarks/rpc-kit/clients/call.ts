import { Registry } from 'prom-client';
import { createClient, createHttpTransport, type Interceptor } from 'rpc-kit';
import { clientMetrics } from 'rpc-kit/metrics';
import { Pool } from 'undici';
import type { ClientName } from '../contenders.ts';
import { loms } from '../contract.ts';
import { type MethodName, type OrderParams, type StocksParams, WORK } from '../work.ts';

/** Makes the benchmark's call of a method and gives its result, with bigints as numbers. */
export type MakeCall = (method: MethodName) => Promise<unknown>;

const CONNECTIONS = 32;

export function createCall(name: ClientName, url: string): MakeCall {
  switch (name) {
    case 'undici':
      return withUndici(url);
    case 'client-rpc':
      return withRpcKit(url, { batching: false });
    case 'client-plain':
      return withRpcKit(url, { face: 'plain' });
    case 'client-metrics':
      return withRpcKit(url, { batching: false }, [clientMetrics(new Registry())]);
    case 'client-batched':
      return withRpcKit(url);
  }
}

/** The same JSON-RPC call on the wire without validation, deadline or errors. */
function withUndici(url: string): MakeCall {
  const pool = new Pool(url, { connections: CONNECTIONS, pipelining: 1 });
  const headers = { 'content-type': 'application/json' };
  return async (method) => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: WORK[method].params });
    const answer = await pool.request({ method: 'POST', path: '/rpc', headers, body });
    return JSON.parse(await answer.body.text()).result;
  };
}

/** By default, the calls of one turn of the event loop travel as one batch. */
function withRpcKit(
  url: string,
  options: Partial<Parameters<typeof createHttpTransport>[1]> = {},
  interceptors: Interceptor[] = [],
): MakeCall {
  const transport = createHttpTransport(url, { userAgent: 'benchmark/1.0.0', connections: CONNECTIONS, ...options });
  const client = createClient(loms, transport, { interceptors });
  const { user, items } = WORK.createOrder.params as OrderParams;
  const order = { user: BigInt(user), items: [...items] };
  const stocks = WORK.stocks.params as StocksParams;
  return (method) => (method === 'createOrder' ? client.createOrder(order) : client.stocks(stocks));
}
