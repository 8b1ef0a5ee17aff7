import { isDeepStrictEqual } from 'node:util';
import { allocatedBytes, answerTo, cpuMicros } from '../../harness/child.ts';
import { closedLoop, type Sample, type Timing } from '../../harness/closed-loop.ts';
import type { ClientName } from '../contenders.ts';
import { type MethodName, WORK } from '../work.ts';
import { createCall } from './call.ts';

/** One client in a process of its own: `run.ts <name> <url of the echo server>`. */
const [name, url] = process.argv.slice(2) as [ClientName, string];
const call = createCall(name, url);

export interface ClientOrder {
  readonly method: MethodName;
  readonly timing: Timing;
}

function callInLanes({ method, timing }: ClientOrder, measureMs: number): Promise<Sample> {
  const lane = () =>
    call(method).then(
      () => true,
      () => false,
    );
  return closedLoop(new Array<typeof lane>(timing.concurrency).fill(lane), { ...timing, warmUpMs: 0, measureMs });
}

answerTo({
  async prepare(order: ClientOrder): Promise<void> {
    const { method, timing } = order;
    const result = withNumbers(await call(method));
    if (!isDeepStrictEqual(result, WORK[method].result)) throw new Error(`the result is ${JSON.stringify(result)}`);
    await callInLanes(order, timing.warmUpMs);
  },
  run: (order: ClientOrder) => callInLanes(order, order.timing.measureMs),
  /** Some calls in one tick, which a transport that batches sends together. */
  async burst(): Promise<void> {
    await Promise.all(Array.from({ length: 8 }, () => call('stocks')));
  },
  usage: () => ({ cpuMicros: cpuMicros(), allocatedBytes: allocatedBytes() }),
});

function withNumbers(result: unknown): unknown {
  return JSON.parse(JSON.stringify(result, (_key, value) => (typeof value === 'bigint' ? Number(value) : value)));
}
