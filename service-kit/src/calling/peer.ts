import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import {
  balancerMetrics,
  breakerMetrics,
  type Client,
  clientLogging,
  clientMetrics,
  clientTracing,
  createBalancer,
  createCircuitBreaker,
  createClient,
  createHttpTransport,
  createRetryBudget,
  dnsEndpoints,
  type EndpointSource,
  type Interceptor,
  type Methods,
  retry,
  retryBudgetMetrics,
  retryMetrics,
  type ServiceContract,
} from 'rpc-kit';
import { DNS_PREFIX } from '../variables.ts';

export interface PeerOptions {
  /** The peer's endpoints; or one URL with `dns+http`, which stands for all addresses behind its name, now and later. */
  readonly urls: readonly string[];
  /** How this service names itself: `checkout/0.1.0`. */
  readonly userAgent: string;
  readonly registry: Registry;
  /** Told of every call, at the level `debug`. */
  readonly logger?: Logger;
  /** For peers that speak `POST /<method>` only. */
  readonly face?: 'rpc' | 'plain';
  /** Whether the baggage of calls goes to the peer. It may tell of persons, so a peer that is not ours gets none. Default: true. */
  readonly baggage?: boolean;
  /**
   * Whether failed calls are sent again, within a budget, where that may help and cannot hurt. Off for a peer that counts
   * requests: each attempt would be one.
   */
  readonly retries?: boolean;
}

/** Another service. Disposing closes the connections to it. */
export interface Peer<M extends Methods> extends AsyncDisposable {
  readonly client: Client<M>;
}

/**
 * A client with everything that a call between services should have: the better of its endpoints, a circuit breaker around
 * each, retries within a budget, and metrics of all that.
 */
export function openPeer<M extends Methods>(contract: ServiceContract<M>, options: PeerOptions): Peer<M> {
  const { urls, userAgent, registry, logger, face = 'rpc', baggage = true, retries = true } = options;
  const peer = contract.name;
  const transport = createBalancer({
    endpoints: endpointsOf(urls, logger),
    on: balancerMetrics(registry),
    connect(url) {
      // The origin alone: a URL may hold a password, which nobody wants to read in metrics.
      const breaker = createCircuitBreaker({ on: breakerMetrics(registry, { peer, endpoint: new URL(url).origin }) });
      return breaker.guard(createHttpTransport(url, { userAgent, face }));
    },
  });
  const budget = createRetryBudget();
  const retrying = retries ? [retry({ budget, on: retryMetrics(registry) })] : [];
  if (retries) retryBudgetMetrics(registry, peer, budget);
  const logging = logger ? [clientLogging(logger)] : [];
  const withholding = baggage ? [] : [withholdBaggage];
  const interceptors = [clientTracing(), clientMetrics(registry), ...logging, ...retrying, ...withholding];
  const client = createClient(contract, transport, { interceptors });
  return { client, [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose]() };
}

/** Inside of `clientTracing`, which adds the baggage of the place where the call is made. */
const withholdBaggage: Interceptor = (next) => (call) =>
  next(call.baggage === undefined ? call : { ...call, baggage: undefined });

function endpointsOf(urls: readonly string[], logger?: Logger): readonly string[] | EndpointSource {
  const [url] = urls;
  if (!url?.startsWith(DNS_PREFIX)) return urls;
  const failed = ({ host, error: err }: { host: string; error: unknown }): void => {
    logger?.warn({ host, err }, 'a name could not be looked up; its last addresses are kept');
  };
  return dnsEndpoints(url.slice(DNS_PREFIX.length), { on: { failed } });
}
