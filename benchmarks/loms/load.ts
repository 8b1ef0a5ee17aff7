import { randomUUID } from 'node:crypto';
import { answerTo } from '../harness/child.ts';
import { closedLoop, type Sample, type Timing } from '../harness/closed-loop.ts';
import { type Connection, openConnection } from '../harness/connection.ts';
import { choose, type ScenarioName } from './scenario.ts';

/** Makes and pays orders over HTTP, one after the other on each connection. */
export interface LoadOrder {
  readonly port: number;
  readonly scenario: ScenarioName;
  readonly timing: Timing;
}

answerTo({
  async run({ port, scenario, timing }: LoadOrder): Promise<Sample> {
    const connections = await Promise.all(Array.from({ length: timing.concurrency }, () => openConnection(port)));
    try {
      return await closedLoop(
        connections.map((connection) => () => makeOrder(connection, port, scenario)),
        timing,
      );
    } finally {
      for (const connection of connections) connection[Symbol.dispose]();
    }
  },
});

async function makeOrder(connection: Connection, port: number, scenario: ScenarioName): Promise<boolean> {
  const { user, skus } = choose(scenario);
  const order = { user, items: skus.map((sku) => ({ sku, count: 1 })), idempotencyKey: randomUUID() };
  const created = await connection.exchange(toBytes(port, 'createOrder', JSON.stringify(order)));
  const orderID = /"orderID":(\d+)/.exec(created.body.toString())?.[1];
  if (orderID === undefined) return false;
  const payed = await connection.exchange(toBytes(port, 'orderPayed', `{"orderID":${orderID}}`));
  return payed.body.includes('"result":{}');
}

/** JSON-RPC with the headers that a service sends. */
function toBytes(port: number, method: string, params: string): Buffer {
  const body = `{"jsonrpc":"2.0","id":1,"method":"${method}","params":${params}}`;
  const head = [
    'POST /rpc HTTP/1.1',
    `host: 127.0.0.1:${port}`,
    'connection: keep-alive',
    'content-type: application/json',
    'user-agent: benchmark/1.0.0',
    `x-request-id: ${randomUUID()}`,
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}
