import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { protoLock } from 'proto';
import {
  type Client,
  type ConcurrencyLimit,
  createBalancer,
  createCircuitBreaker,
  createClient,
  createHttpTransport,
  createRetryBudget,
  dnsEndpoints,
  type EndpointSource,
  type HedgingDelay,
  hedging,
  type Interceptor,
  type Methods,
  retry,
  type ServiceContract,
  shedLoad,
} from 'rpc-kit';
import { createGrpcTransport, createServiceCodec, type ProtoLock, type ServiceCodec } from 'rpc-kit/grpc';
import { clientLogging } from 'rpc-kit/logging';
import {
  balancerMetrics,
  breakerMetrics,
  clientMetrics,
  endpointMetrics,
  hedgingMetrics,
  retryBudgetMetrics,
  retryMetrics,
} from 'rpc-kit/metrics';
import { clientTracing } from 'rpc-kit/tracing';
import { isGrpcUrl } from 'rpc-kit/urls';
import type { Identity } from '../identity/identity.ts';
import { DNS_PREFIX } from '../variables.ts';

export interface PeerOptions {
  /**
   * The peer's endpoints, called over gRPC where the URL is `grpc` or `grpcs`; or one URL with the prefix `dns+`, which means all current
   * addresses of its name.
   */
  readonly urls: readonly string[];
  /** Name and version of this service for logs: `checkout/0.1.0`. */
  readonly userAgent: string;
  readonly registry: Registry;
  /** Signs the calls, so that the peer recognizes this service, and shows its certificate. Unset: they prove no caller. */
  readonly identity?: (Pick<Identity, 'signerFor'> & Partial<Pick<Identity, 'tls'>>) | undefined;
  /** Logs every call at the level `debug`. */
  readonly logger?: Logger;
  /** Of http peers: `plain` for those that speak `POST /<method>` only. Default: rpc. */
  readonly face?: 'rpc' | 'plain';
  /** Whether the peer receives the baggage of calls. It may hold personal data, so not for external peers. Default: true. */
  readonly baggage?: boolean;
  /**
   * Whether failed calls are retried, within a budget, where that is safe. Off for a peer with a limit on requests, because
   * each attempt counts. Default: true.
   */
  readonly retries?: boolean;
  /** When a slow read is sent a second time, within the budget of retries; without retries it is not. Default: off. */
  readonly hedge?: 'off' | HedgingDelay;
  /** Whether each endpoint has a circuit breaker. Off for calls whose number is bounded in another way. Default: true. */
  readonly breakers?: boolean;
  /** What metrics of breakers and budgets call this peer, where a service has several to one contract. Default: the contract's name. */
  readonly name?: string;
  /** The numbers of the contract's fields, for gRPC. Default: those of this repository's contracts. */
  readonly lock?: ProtoLock;
  /** Calls at a time; further ones are refused at once, as `unavailable` with the reason `overloaded`. Default: no limit. */
  readonly limit?: ConcurrencyLimit;
}

/** A client of another service. Disposing closes its connections. */
export interface Peer<M extends Methods> extends AsyncDisposable {
  readonly client: Client<M>;
}

/**
 * A client with everything that calls between services need: balancing over endpoints, a circuit breaker for each, retries
 * within a budget, tracing and metrics.
 */
export function openPeer<M extends Methods>(contract: ServiceContract<M>, options: PeerOptions): Peer<M> {
  const { urls, userAgent, registry, identity, logger, face = 'rpc', limit } = options;
  const { baggage = true, retries = true, breakers = true, hedge = 'off' } = options;
  const peer = options.name ?? contract.name;
  const authorization = identity?.signerFor(contract.name);
  const host = certifiedHost(urls);
  const codec = once(() => createServiceCodec(contract, options.lock ?? protoLock));
  const transport = createBalancer({
    endpoints: endpointsOf(urls, logger),
    on: balancerMetrics(registry),
    connect(url) {
      // Without userinfo and query, because a URL may hold a password and metrics are public.
      const { protocol, host: endpointHost } = new URL(url);
      const endpoint = `${protocol}//${endpointHost}`;
      const common = { userAgent, tls: identity?.tls, host, ...(authorization && { authorization }) };
      const transport = isGrpcUrl(url)
        ? createGrpcTransport(url, { ...common, codec: codec() })
        : createHttpTransport(url, { ...common, face });
      if (!breakers) return transport;
      return createCircuitBreaker({ on: breakerMetrics(registry, { peer, endpoint }) }).guard(transport);
    },
  });
  endpointMetrics(registry, peer, transport);
  const budget = createRetryBudget();
  const retrying = retries ? [retry({ budget, on: retryMetrics(registry) })] : [];
  if (retries) retryBudgetMetrics(registry, peer, budget);
  // Inside retry, so that each attempt at a call may be hedged.
  const hedges = hedgingMetrics(registry);
  if (retries && hedge !== 'off') retrying.push(hedging({ budget, ...hedge, on: hedges }));
  const logging = logger ? [clientLogging(logger)] : [];
  const shedding = limit ? [shedLoad(limit)] : [];
  const withholding = baggage ? [] : [withholdBaggage];
  const interceptors = [clientTracing(), clientMetrics(registry), ...logging, ...shedding, ...retrying, ...withholding];
  const client = createClient(contract, transport, { interceptors });
  return { client, [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose]() };
}

/** Inside `clientTracing`, which adds the baggage of the current context. */
const withholdBaggage: Interceptor = (next) => (call) =>
  next(call.baggage === undefined ? call : { ...call, baggage: undefined });

/** The codec of a contract takes milliseconds to make, and only peers by gRPC need it. */
function once(make: () => ServiceCodec): () => ServiceCodec {
  let made: ServiceCodec | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

const SECURE_DNS = /^dns\+(?:https|grpcs):/;

/** The name that the certificates of all addresses have to bear. */
function certifiedHost([url = '']: readonly string[]): string | undefined {
  return SECURE_DNS.test(url) ? new URL(url.slice(DNS_PREFIX.length)).host : undefined;
}

function endpointsOf(urls: readonly string[], logger?: Logger): readonly string[] | EndpointSource {
  const [url] = urls;
  if (!url?.startsWith(DNS_PREFIX)) return urls;
  const failed = ({ host, error: err }: { host: string; error: unknown }): void => {
    logger?.warn({ host, err }, 'DNS lookup failed; the last known addresses stay in use');
  };
  return dnsEndpoints(url.slice(DNS_PREFIX.length), { on: { failed } });
}
