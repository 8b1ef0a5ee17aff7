import { type Balancer, type BalancerEvents, createBalancer, createHttpTransport } from 'rpc-kit';

/** One call of twenty goes to version 2, and so do the calls of testers. All calls for one product go to the same version. */
export function balanceWithCanary(
  stable: readonly string[],
  canary: readonly string[],
  on: Partial<BalancerEvents>,
): Balancer {
  return createBalancer({
    endpoints: [...stable, ...canary.map((url) => ({ url, version: '2' }))],
    canary: {
      version: '2',
      share: 0.05,
      // Baggage is a header that passes through nested calls, so a tester sets it once, at the edge.
      isMeant: ({ baggage = '' }) => /(^|,)\s*prices=canary\s*(,|$)/.test(baggage),
      stickyBy: ({ params }) => `${(params as { sku: number }).sku}`,
    },
    connect: (url) => createHttpTransport(url, { userAgent: 'basket/1.0.0' }),
    on,
  });
}
