import { randomUUID } from 'node:crypto';
import { type Answer, type Connection, toRequest } from '../harness/connection.ts';
import { choose, type ScenarioName } from './scenario.ts';

/** Makes an order over HTTP and pays it. Resolves to `paid`, or to the code of the answer that says otherwise. */
export async function makeOrder(connection: Connection, port: number, scenario: ScenarioName): Promise<string> {
  const { user, skus } = choose(scenario);
  const order = { user, items: skus.map((sku) => ({ sku, count: 1 })), idempotencyKey: randomUUID() };
  const created = await connection.exchange(toCall(port, 'createOrder', JSON.stringify(order)));
  const orderID = /"orderID":(\d+)/.exec(created.body.toString())?.[1];
  if (orderID === undefined) return codeOf(created);
  const paid = await connection.exchange(toCall(port, 'orderPayed', `{"orderID":${orderID}}`));
  return paid.body.includes('"result":{}') ? 'paid' : codeOf(paid);
}

function codeOf({ status, body }: Answer): string {
  return /"code":"(\w+)"/.exec(body.toString())?.[1] ?? `status ${status}`;
}

function toCall(port: number, method: string, params: string): Buffer {
  return toRequest(port, '/rpc', `{"jsonrpc":"2.0","id":1,"method":"${method}","params":${params}}`);
}
