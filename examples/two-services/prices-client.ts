import {
  type Client,
  createBalancer,
  createCircuitBreaker,
  createClient,
  createHttpTransport,
  createRetryBudget,
  dnsEndpoints,
  type EndpointSource,
  retry,
} from 'rpc-kit';
import { clientLogging } from 'rpc-kit/logging';
import { balancerMetrics, breakerMetrics, clientMetrics, retryBudgetMetrics, retryMetrics } from 'rpc-kit/metrics';
import { clientTracing } from 'rpc-kit/tracing';
import type { Operations } from './operations.ts';
import { prices } from './prices-contract.ts';

interface Prices extends AsyncDisposable {
  readonly client: Client<typeof prices.methods>;
}

/** A client of prices with everything that a call between services needs. Dispose it to close its connections. */
export function openPrices(urls: string, { logger, registry }: Pick<Operations, 'logger' | 'registry'>): Prices {
  const peer = prices.name;
  const transport = createBalancer({
    endpoints: endpointsOf(urls),
    connect(url) {
      const breaker = createCircuitBreaker({ on: breakerMetrics(registry, { peer, endpoint: url }) });
      return breaker.guard(createHttpTransport(url, { userAgent: 'basket/1.0.0' }));
    },
    on: balancerMetrics(registry),
  });
  const budget = createRetryBudget();
  retryBudgetMetrics(registry, peer, budget);
  const client = createClient(prices, transport, {
    // Outermost first: one span, one count and one line for a call, however many attempts it takes.
    interceptors: [
      clientTracing(),
      clientMetrics(registry),
      clientLogging(logger),
      retry({ budget, on: retryMetrics(registry) }),
    ],
  });
  return { client, [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose]() };
}

function endpointsOf(urls: string): readonly string[] | EndpointSource {
  return urls.startsWith('dns+') ? dnsEndpoints(urls.slice('dns+'.length)) : urls.split(',');
}
