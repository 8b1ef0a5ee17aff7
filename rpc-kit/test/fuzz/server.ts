import { answerTo } from 'benchmarks/child';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { defineService, fail, fixedLimit, implement, limitCallers, serveHttp, shedLoad } from 'rpc-kit';
import { serverLogging } from 'rpc-kit/logging';
import { httpMetrics, serverMetrics } from 'rpc-kit/metrics';
import { GREEDY_USER, subject } from '../conformance/subject.ts';

/** The process that is fuzzed: the methods of the conformance tests that do not fail by intent, every interceptor on. */
const { subtract, update, sum, get_data, greeting, echo, order, metadata, never } = subject.methods;
const fuzzed = defineService(
  'fuzzed',
  { summary: 'Is sent nonsense.', version: '1.0.0' },
  { subtract, update, sum, get_data, greeting, echo, order, metadata, never },
);

/** Few, so that batches meet it and are refused in part. */
const limit = fixedLimit(40);
const registry = new Registry();
// Standard output is /dev/null here; the lines are written all the same.
const logger = pino();

const service = implement(
  fuzzed,
  {
    subtract: async ({ minuend, subtrahend }) => minuend - subtrahend,
    update: async () => ({}),
    sum: async ({ a, b, c }) => a + b + c,
    get_data: async () => ['hello', 5] as [string, number],
    greeting: async () => 'hello',
    echo: async (params) => params,
    async order({ user }) {
      if (user === GREEDY_USER) throw fail(fuzzed.methods.order, 'out_of_stock', { orderID: 2n ** 63n - 1n });
      return { orderID: user };
    },
    metadata: async (_params, { requestId, deadlineAt, traceparent, caller }) => {
      const { idempotencyKey, authorization, name } = caller;
      return {
        requestId,
        remainingMs: deadlineAt - performance.now(),
        traceparent,
        idempotencyKey,
        authorization,
        name,
      };
    },
    never: () => new Promise(() => {}),
  },
  {
    interceptors: [
      serverMetrics(registry),
      serverLogging(logger),
      // No caller is refused for its haste; that as many as can be are remembered is what may cost memory.
      limitCallers({ tokens: 1_000_000, intervalMs: 1_000, callersMax: 100 }),
      shedLoad(limit),
    ],
  },
);

/** Longer than the sender waits, so that this limit does not close a connection that the server holds by mistake. */
const requestTimeoutMs = 60_000;
const { port } = await serveHttp(service, {
  host: '127.0.0.1',
  port: 0,
  logger,
  metrics: httpMetrics(registry),
  admission: limit,
  limits: { requestTimeoutMs },
});

answerTo({
  port: () => port,
  /** Memory after garbage collection, in bytes. */
  heap() {
    globalThis.gc?.();
    globalThis.gc?.();
    return process.memoryUsage().heapUsed;
  },
});
