import { Registry } from 'prom-client';
import { implement, serverLogging, serverMetrics, serverTracing } from 'rpc-kit';
import { pino, destination } from 'pino';
import { createLogger } from '../../service-kit/src/logger.ts';
import { loms } from './contract.ts';
import { handlers } from './work.ts';
import { parseBody } from '../src/http/body.ts';
import { HTTP_LIMITS } from '../src/http/limits.ts';
import { createRpcFace } from '../src/http/rpc-face.ts';
import { toCall } from '../src/http/metadata.ts';
import { decodeParams, encodeResult } from '../src/validation.ts';
import { createCanceller } from '../src/deadline.ts';
import { openSync } from 'node:fs';
const N = 60000;
async function bench(name: string, f: () => unknown) {
  for (let i = 0; i < N / 2; i++) { const r = f(); if (r instanceof Promise) await r; }
  let best = Infinity;
  for (let k = 0; k < 3; k++) {
    const c0 = process.cpuUsage();
    for (let i = 0; i < N / 3; i++) { const r = f(); if (r instanceof Promise) await r; if (i % 50 === 0) await new Promise(setImmediate); }
    const c = process.cpuUsage(c0);
    best = Math.min(best, (c.user + c.system) / (N / 3));
  }
  console.error(name.padEnd(40), best.toFixed(2), 'us');
}
const params = { user: 42, items: [1, 2, 3, 4, 5].map((n) => ({ sku: 1000 + n, count: n })) };
const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'createOrder', params });
const h = {
  createOrder: async ({ user, items }: any) => ({ orderID: BigInt(handlers.createOrder({ user: Number(user), items }).orderID) }),
  stocks: async (params: any) => ({ stocks: handlers.stocks(params).stocks.map(({ warehouseID, count }: any) => ({ warehouseID: BigInt(warehouseID), count: BigInt(count) })) }),
};
const registry = new Registry();
const logger = createLogger('loms', 'info');
const bare = implement(loms, h as any, {});
const metrics = implement(loms, h as any, { interceptors: [serverMetrics(new Registry())] });
const logging = implement(loms, h as any, { interceptors: [serverLogging(logger)] });
const tracing = implement(loms, h as any, { interceptors: [serverTracing()] });
const all = implement(loms, h as any, { interceptors: [serverTracing(), serverMetrics(registry), serverLogging(logger)] });
const signal = createCanceller().signal;
const ctx = () => ({ metadata: { requestId: 'r', name: 'wrk', address: '127.0.0.1' }, signal, answerHeaders: new Map() });
await bench('parseBody', () => parseBody(body, HTTP_LIMITS));
await bench('JSON.parse', () => JSON.parse(body));
const cr = loms.methods.createOrder;
await bench('decodeParams', () => decodeParams(cr as any, params));
await bench('encodeResult', () => encodeResult(cr as any, { orderID: 12n }));
await bench('service.call bare', () => bare.call(toCall('loms', 'createOrder', params, ctx() as any)));
await bench('service.call tracing(noop)', () => tracing.call(toCall('loms', 'createOrder', params, ctx() as any)));
await bench('service.call metrics', () => metrics.call(toCall('loms', 'createOrder', params, ctx() as any)));
await bench('service.call logging', () => logging.call(toCall('loms', 'createOrder', params, ctx() as any)));
await bench('service.call all', () => all.call(toCall('loms', 'createOrder', params, ctx() as any)));
const face = createRpcFace(all, () => ({}), HTTP_LIMITS);
await bench('face.answer all', () => face.answer(JSON.parse(body), ctx() as any));
await bench('logger.info', () => logger.info({ method: 'createOrder', caller: 'wrk', code: 'ok', ms: 1.2 }, 'call'));
