import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerTo } from '../harness/child.ts';
import { ANSWER_MS } from './goods.ts';

/** What the product service saw since it was last asked. */
export interface Seen {
  readonly requests: number;
  /** The most requests that arrived within any second, wherever that second starts. */
  readonly busiestSecond: number;
  readonly underWayMost: number;
}

/** The product service: bare node:http on the plain face, like the original one. It notes when each request arrives. */
let arrivals: number[] = [];
let underWay = 0;
let underWayMost = 0;

const server = createServer((request, response) => {
  arrivals.push(performance.now());
  underWay += 1;
  underWayMost = Math.max(underWayMost, underWay);
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', async () => {
    const { sku }: { sku: number } = JSON.parse(Buffer.concat(chunks).toString());
    await sleep(ANSWER_MS);
    const text = JSON.stringify({ name: `Product ${sku}`, price: sku });
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    response.end(text);
  });
  response.on('close', () => {
    underWay -= 1;
  });
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');

answerTo({
  port: () => (server.address() as AddressInfo).port,
  take(): Seen {
    const seen = { requests: arrivals.length, busiestSecond: busiestSecond(arrivals), underWayMost };
    arrivals = [];
    underWayMost = 0;
    return seen;
  },
});

/** @param times ascending, in milliseconds */
function busiestSecond(times: readonly number[]): number {
  let most = 0;
  let first = 0;
  for (const [last, time] of times.entries()) {
    while (time - (times[first] ?? time) >= 1_000) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
