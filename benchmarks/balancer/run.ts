import type { Call } from 'rpc-kit';
import { allocatedBytes, answerTo, cpuMicros } from '../harness/child.ts';
import { closedLoop, type Timing } from '../harness/closed-loop.ts';
import { VARIANTS } from './variants.ts';

/** One variant in a process of its own: `run.ts <name> <URL of rpc-kit's index.ts>`. */
const [name, kit = ''] = process.argv.slice(2);
const { createBalancer }: typeof import('rpc-kit') = await import(kit);
const options = VARIANTS.find((variant) => variant.name === name)?.options;

/** Answers at once, so that nothing but the balancer takes time. */
const connect = () => ({
  call: async () => true,
  askReadiness: async () => true,
  async [Symbol.asyncDispose]() {},
});
const transport = options ? createBalancer({ ...options, connect }) : connect();

/** What every call shares. A signal of its own would cost more than the balancer. */
const call: Call = {
  service: 'loms',
  method: 'stocks',
  contract: undefined,
  params: {},
  signal: new AbortController().signal,
  deadlineAt: Number.POSITIVE_INFINITY,
  requestId: 'benchmark',
  caller: {},
};
const lane = async (): Promise<boolean> => (await transport.call(call)) === true;

answerTo({
  run: (timing: Timing) => closedLoop(new Array<typeof lane>(timing.concurrency).fill(lane), timing),
  usage: () => ({ cpuMicros: cpuMicros(), allocatedBytes: allocatedBytes() }),
});
