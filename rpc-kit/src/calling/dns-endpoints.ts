import { lookup } from 'node:dns/promises';
import { isIP, isIPv6 } from 'node:net';
import { raceSignal, startDeadline } from '../deadline.ts';
import { parseHttpUrl } from '../http/urls.ts';
import { notify } from '../telemetry/notify.ts';
import type { EndpointSource } from './balancer.ts';

export interface DnsEndpointsOptions {
  /** Between the end of one look-up and the next, in milliseconds, from 1,000 to 300,000. */
  readonly refreshMs?: number;
  /** Gives the addresses of a host. Default: the system's resolver, so that /etc/hosts counts too. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  readonly on?: Partial<DnsEvents>;
}

export interface DnsEvents {
  /** A look-up failed; the endpoints stay as they were. */
  failed(event: { readonly host: string; readonly error: unknown }): void;
}

const DEFAULTS = {
  // What a stale list costs is bounded by ejection, so this may be slower than a restart.
  refreshMs: 10_000,
  resolve: resolveHost,
} as const satisfies Omit<DnsEndpointsOptions, 'on'>;

const REFRESH_MS_MIN = 1_000;
const REFRESH_MS_MAX = 300_000;

/** Longer than any resolver that works; one that does not must not keep the list from ever being renewed. */
const LOOKUP_TIMEOUT_MS = 10_000;

/**
 * The addresses behind one host name as endpoints of a balancer, looked up again and again in the background.
 *
 * Until the first look-up has succeeded, the name itself is the only endpoint, so that calls need not wait and a resolver
 * that is down at the start is no reason not to start. When a look-up fails later, the old list stays.
 *
 * @param url as of an HTTP transport: `http://loms:8081`
 * @throws {TypeError} for a URL that an HTTP transport refuses, and for https, where a server's certificate names the host and not
 *   its addresses
 * @throws {RangeError} when refreshMs is outside its range
 */
export function dnsEndpoints(url: string, options: DnsEndpointsOptions = {}): EndpointSource {
  const { refreshMs, resolve, on } = { ...DEFAULTS, ...options };
  parseHttpUrl(url);
  const { protocol, hostname } = new URL(url);
  if (protocol !== 'http:') throw new TypeError('dnsEndpoints takes http addresses only');
  if (!(refreshMs >= REFRESH_MS_MIN && refreshMs <= REFRESH_MS_MAX)) {
    throw new RangeError(`refreshMs must be from ${REFRESH_MS_MIN} to ${REFRESH_MS_MAX}`);
  }

  return {
    start(update) {
      update([url]);
      const stopped = new AbortController();
      let timer: NodeJS.Timeout | undefined;

      async function refresh(): Promise<void> {
        try {
          using deadline = startDeadline(LOOKUP_TIMEOUT_MS, stopped.signal);
          const addresses = await raceSignal(resolve(hostname), deadline.signal);
          if (addresses.length === 0) throw new Error('The host has no address');
          update(addresses.toSorted().map((address) => withHost(url, address)));
        } catch (error) {
          if (stopped.signal.aborted) return;
          notify(on?.failed, { host: hostname, error });
        }
        timer = setTimeout(refresh, refreshMs);
        // Endpoints alone must not keep a process alive that has nothing else to do.
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

/**
 * IPv4 where there is any: a host with both is mostly one server, listed twice, and often listening on one of them only.
 */
async function resolveHost(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true });
  const addresses = found.map(({ address }) => address);
  const v4 = addresses.filter((address) => !isIPv6(address));
  return v4.length > 0 ? v4 : addresses;
}

function withHost(url: string, address: string): string {
  const { username, password, port, pathname, search } = new URL(url);
  const userinfo = username || password ? `${username}:${password}@` : '';
  const host = isIPv6(address) ? `[${address}]` : address;
  // Two slashes at the end are an empty segment of the path, which belongs to it.
  const base = pathname.replace(/(?<!\/)\/$/, '');
  return `http://${userinfo}${host}${port ? `:${port}` : ''}${base}${search}`;
}
