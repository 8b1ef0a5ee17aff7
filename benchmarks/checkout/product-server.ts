import { setTimeout as sleep } from 'node:timers/promises';
import { answerTo } from '../harness/child.ts';
import { serveJson } from '../harness/json-server.ts';

/** The requests since the last question. */
export interface Seen {
  readonly requests: number;
  /** The most requests that arrived within any second, wherever that second starts. */
  readonly busiestSecond: number;
}

/** The product service, bare node:http: `product-server.ts <how long an answer takes, in ms>`. */
const answerMs = Number(process.argv[2]);
let arrivals: number[] = [];

const port = await serveJson(async (body) => {
  arrivals.push(performance.now());
  const { sku }: { sku: number } = JSON.parse(body);
  await sleep(answerMs);
  return { name: `Product ${sku}`, price: sku };
});

answerTo({
  port: () => port,
  take(): Seen {
    const seen = { requests: arrivals.length, busiestSecond: busiestSecond(arrivals) };
    arrivals = [];
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
