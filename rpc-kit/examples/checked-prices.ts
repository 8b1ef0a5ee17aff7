import { type Balancer, createBalancer, createCircuitBreaker, createHttpTransport } from 'rpc-kit';

/** Asks each replica every second whether it is ready. One that starts or returns gets its share within half a minute. */
export function balanceWithChecks(urls: readonly string[], warn: (line: string) => void): Balancer {
  return createBalancer({
    endpoints: urls,
    healthChecks: { intervalMs: 1_000, timeoutMs: 500 },
    slowStart: { windowMs: 30_000 },
    connect: (url) => createCircuitBreaker().guard(createHttpTransport(url, { userAgent: 'basket/1.0.0' })),
    on: {
      unhealthy: ({ endpoint, error }) => warn(`${endpoint} gets no calls: ${error?.message ?? 'it is not ready'}`),
      healthy: ({ endpoint }) => warn(`${endpoint} gets calls again`),
    },
  });
}
