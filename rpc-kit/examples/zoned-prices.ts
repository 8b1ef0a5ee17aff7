import { type Balancer, createBalancer, createHttpTransport, dnsEndpoints } from 'rpc-kit';

/**
 * Calls the replicas in the zone of this process. Those of other zones get what these cannot take.
 *
 * @param names by zone, a URL whose host resolves to the replicas there, such as a headless service of Kubernetes
 * @param large the URL of a machine in this zone that can do four times as much as the others
 */
export function balanceInZone(zone: string, names: Readonly<Record<string, string>>, large: string): Balancer {
  return createBalancer({
    endpoints: [
      ...Object.entries(names).map(([zone, url]) => dnsEndpoints(url, { zone })),
      { url: large, zone, weight: 4 },
    ],
    zone,
    connect: (url) => createHttpTransport(url, { userAgent: 'basket/1.0.0' }),
  });
}
