import { lookup } from 'node:dns/promises';
import { isIP, isIPv6 } from 'node:net';
import { raceSignal, startDeadline } from '../deadline.ts';
import { checkPeerUrl } from '../http/urls.ts';
import { notify } from '../telemetry/notify.ts';
import type { EndpointSource, ListedEndpoint } from './endpoint-list.ts';

/** Zone, weight and version are those of every address. */
export interface DnsEndpointsOptions extends Omit<ListedEndpoint, 'url'> {
  /** From the end of one lookup to the next, in milliseconds, from 1,000 to 300,000. */
  readonly refreshMs?: number;
  /** Resolves a host to addresses. Default: the system's resolver, which also reads /etc/hosts. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  readonly on?: Partial<DnsEvents>;
}

/** What `dnsEndpoints` reports. */
export interface DnsEvents {
  /** A lookup failed; the endpoints stay unchanged. */
  failed(event: { readonly host: string; readonly error: unknown }): void;
}

const DEFAULTS = {
  // Ejection bounds the cost of a stale list, so this may be slower than a restart.
  refreshMs: 10_000,
  resolve: resolveHost,
} as const satisfies Pick<DnsEndpointsOptions, 'refreshMs' | 'resolve'>;

const REFRESH_MS_MIN = 1_000;
const REFRESH_MS_MAX = 300_000;

/** Longer than any working resolver takes; a resolver that hangs must not block all further refreshes. */
const LOOKUP_TIMEOUT_MS = 10_000;

/**
 * The addresses behind one host name as endpoints of a balancer, refreshed in the background.
 *
 * Until the first lookup succeeds, the name itself is the only endpoint: calls need not wait, and the process starts while the
 * resolver is down. When a later lookup fails, the old list stays.
 *
 * @param url as for an HTTP or gRPC transport: `http://loms:8081`, `grpc://loms:9081`
 * Certificates name hosts and not addresses: the transports of an https or grpcs URL need its `host` (see `createHttpTransport`).
 *
 * @throws {TypeError} for a URL that a transport refuses
 * @throws {RangeError} when refreshMs is outside its range
 */
export function dnsEndpoints(url: string, options: DnsEndpointsOptions = {}): EndpointSource {
  const { refreshMs, resolve, on, ...attributes } = { ...DEFAULTS, ...options };
  checkPeerUrl(url);
  const { hostname } = new URL(url);
  if (!(refreshMs >= REFRESH_MS_MIN && refreshMs <= REFRESH_MS_MAX)) {
    throw new RangeError(`refreshMs must be from ${REFRESH_MS_MIN} to ${REFRESH_MS_MAX}`);
  }

  return {
    start(update) {
      update([{ ...attributes, url }]);
      const stopped = new AbortController();
      let timer: NodeJS.Timeout | undefined;

      async function refresh(): Promise<void> {
        try {
          using deadline = startDeadline(LOOKUP_TIMEOUT_MS, stopped.signal);
          const addresses = await raceSignal(resolve(hostname), deadline.signal);
          if (addresses.length === 0) throw new Error('The host has no address');
          update(addresses.toSorted().map((address) => ({ ...attributes, url: withHost(url, address) })));
        } catch (error) {
          if (stopped.signal.aborted) return;
          notify(on?.failed, { host: hostname, error });
        }
        timer = setTimeout(refresh, refreshMs);
        // The refresh alone must not keep a process alive.
        timer.unref();
      }

      if (isIP(hostname.replace(/^\[|\]$/g, '')) === 0) void refresh();
      return {
        [Symbol.dispose]() {
          stopped.abort();
          clearTimeout(timer);
        },
      };
    },
  };
}

/** Prefers IPv4: a host with both kinds is usually one server listed twice, which often listens on IPv4 only. */
async function resolveHost(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true });
  const addresses = found.map(({ address }) => address);
  const v4 = addresses.filter((address) => !isIPv6(address));
  return v4.length > 0 ? v4 : addresses;
}

function withHost(url: string, address: string): string {
  const { protocol, username, password, port, pathname, search } = new URL(url);
  const userinfo = username || password ? `${username}:${password}@` : '';
  const host = isIPv6(address) ? `[${address}]` : address;
  // Two slashes at the end are an empty path segment, which is kept.
  const base = pathname.replace(/(?<!\/)\/$/, '');
  return `${protocol}//${userinfo}${host}${port ? `:${port}` : ''}${base}${search}`;
}
