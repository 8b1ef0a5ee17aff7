import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createClient, implement, serveHttp } from 'rpc-kit';
import { createFetchTransport } from 'rpc-kit/client';
import { logScope, serverLogging } from 'rpc-kit/logging';
import { grpcMetrics, httpMetrics, serverMetrics } from 'rpc-kit/metrics';
import { testCall } from 'rpc-kit/testing';
import { serverTracing } from 'rpc-kit/tracing';
import { prices } from '../../examples/prices-contract.ts';
import { priceOverGrpc } from '../../examples/prices-grpc.ts';

/** What a stranger adds to the two services: metrics, log lines and traces, a client as browsers have it, and the other wire. */
const registry = new Registry();
const logger = pino({ mixin: logScope, base: null, timestamp: false });
const service = implement(
  prices,
  {
    priceOf: async () => {
      logger.info('inside');
      return { price: 5 };
    },
  },
  { interceptors: [serverTracing(), serverMetrics(registry), serverLogging(logger)] },
);
await using server = await serveHttp(service, { host: '127.0.0.1', port: 0, logger, metrics: httpMetrics(registry) });
const transport = createFetchTransport(server.url);
const requestId = testCall().requestId;
const { price } = await createClient(prices, transport).priceOf({ sku: 7 }, { requestId });
const page = await (await fetch(`${server.url}/metrics`)).text();
const counted = page.split('\n').filter((line) => line.startsWith('rpc_server_requests_total'));
console.log(JSON.stringify({ price, counted, overGrpc: await priceOverGrpc(8), hasGrpcMetrics: Boolean(grpcMetrics) }));
