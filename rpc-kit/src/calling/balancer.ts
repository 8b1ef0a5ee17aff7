import type { Call } from '../call.ts';
import type { Transport } from '../client.ts';
import { raceSignal } from '../deadline.ts';
import { hideUrlSecrets } from '../http/urls.ts';
import { RpcError, toRpcError } from '../rpc-error.ts';
import { notify } from '../telemetry/notify.ts';
import { type Failure, failureOf } from './failure.ts';
import {
  createEjectionRecord,
  createOutlierEjection,
  type EjectionRecord,
  type EndpointHealth,
  type OutlierEjectionOptions,
} from './outlier-ejection.ts';
import { createPeakEwma, type LoadOutcome, type PeakEwma } from './peak-ewma.ts';

export interface BalancerOptions extends Partial<OutlierEjectionOptions> {
  /** The addresses of one service: a list, or where lists come from (`dnsEndpoints`). */
  readonly endpoints: readonly string[] | EndpointSource;
  /**
   * Makes the transport to one endpoint, e.g. an HTTP transport in the guard of a circuit breaker of its own. The balancer
   * disposes of it.
   */
  connect(url: string): Transport & AsyncDisposable;
  /** After it, an old latency weighs 1/e, in milliseconds. */
  readonly decayMs?: number;
  /** From 0 to below 1. */
  readonly random?: () => number;
  readonly on?: Partial<BalancerEvents>;
}

/** Where a balancer learns of endpoints. */
export interface EndpointSource {
  /**
   * Gives the endpoints there are, once before it returns and again whenever they have changed; an empty list is ignored.
   * Disposing ends that.
   */
  start(update: (urls: readonly string[]) => void): Disposable;
}

/** Endpoints are named by their URLs without what is secret in these. */
export interface BalancerEvents {
  /** An endpoint failed too often and gets no calls for a while, `times` in a row. */
  eject(event: {
    readonly endpoint: string;
    /** The call that was one too many, and its failure. */
    readonly call: Call;
    readonly error: RpcError;
    readonly times: number;
    readonly forMs: number;
  }): void;
  /** An ejected endpoint gets calls again. */
  readmit(event: { readonly endpoint: string }): void;
  join(event: { readonly endpoint: string }): void;
  leave(event: { readonly endpoint: string }): void;
  /** The call never reached one endpoint, with this error, and goes to this other. */
  failover(event: { readonly endpoint: string; readonly call: Call; readonly error: RpcError }): void;
}

/** One endpoint as it is now, for pages and tests. */
export interface EndpointStatus {
  readonly url: string;
  /** Calls under way. */
  readonly pending: number;
  readonly health: EndpointHealth;
}

/** Disposing it closes the transports of all endpoints. */
export interface Balancer extends Transport, AsyncDisposable {
  readonly endpoints: readonly EndpointStatus[];
}

const DEFAULTS = {
  // Finagle's: several times longer than a pause of the garbage collector, shorter than a restart.
  decayMs: 10_000,
  // One or two failures are bad luck.
  failuresMax: 5,
  // About as long as a process takes to restart; a probation that comes too early costs one call.
  ejectionMs: 5_000,
  ejectionMaxMs: 60_000,
  // When more than half of a service fails, the rest must not be buried under all of its load.
  ejectedShareMax: 0.5,
  random: Math.random,
} as const satisfies Partial<BalancerOptions>;

/** Endpoints that one attempt tries as long as the call certainly reached none; the rest is left to retry and its budget. */
const TRIES_MAX = 3;

interface Endpoint extends EjectionRecord {
  readonly url: string;
  readonly transport: Transport & AsyncDisposable;
  readonly load: PeakEwma;
  /** It is no longer listed; its transport is closed when the last call has ended. */
  left: boolean;
}

interface FailedCall {
  readonly call: Call;
  readonly error: RpcError;
}

/**
 * A transport over all endpoints of a service. Each call goes to the better of two endpoints chosen at random ("The Power of
 * Two Choices in Randomized Load Balancing", Mitzenmacher 2001), where better is a lower peak EWMA (see `createPeakEwma`).
 * Endpoints that keep failing are ejected (see `createOutlierEjection`).
 *
 * A call that certainly never reached its endpoint goes on to the next at once: no server has seen it, so it adds nothing to
 * the load of any, and takes nothing out of the retry budget. Every other failure is the caller's to judge.
 *
 * @throws {TypeError} without any endpoint, and whatever `connect` throws
 */
export function createBalancer(options: BalancerOptions): Balancer {
  const { endpoints: given, connect, decayMs, random, on, ...ejectionOptions } = { ...DEFAULTS, ...options };
  let members: Endpoint[] = [];
  /** Members, and those that have left while calls were under way. */
  const open = new Set<Endpoint>();
  const closing = new Set<Promise<void>>();
  let disposed = false;
  const ejection = createOutlierEjection<Endpoint, FailedCall>(ejectionOptions, () => members, {
    eject({ member, cause, times, forMs }) {
      notify(on?.eject, { endpoint: hideUrlSecrets(member.url), ...cause, times, forMs });
    },
    readmit({ url, load }) {
      load.reset();
      notify(on?.readmit, { endpoint: hideUrlSecrets(url) });
    },
  });

  function close(endpoint: Endpoint): void {
    if (!open.delete(endpoint)) return;
    const closed = closeTransport(endpoint).finally(() => closing.delete(closed));
    closing.add(closed);
  }

  function leave(endpoint: Endpoint): void {
    endpoint.left = true;
    if (endpoint.load.pending === 0) close(endpoint);
    notify(on?.leave, { endpoint: hideUrlSecrets(endpoint.url) });
  }

  function join(url: string): Endpoint {
    const record = createEjectionRecord();
    const endpoint = { ...record, url, transport: connect(url), load: createPeakEwma(decayMs), left: false };
    open.add(endpoint);
    notify(on?.join, { endpoint: hideUrlSecrets(url) });
    return endpoint;
  }

  function update(list: readonly string[]): void {
    const urls = new Set(list);
    if (urls.size === 0 || disposed) return;
    const known = new Map(members.map((endpoint) => [endpoint.url, endpoint]));
    members = [...urls].map((url) => known.get(url) ?? join(url));
    for (const [url, endpoint] of known) if (!urls.has(url)) leave(endpoint);
    ejection.rebalance();
  }

  function choose(tried: ReadonlySet<Endpoint>): Endpoint | undefined {
    const free = ejection.serving().filter((endpoint) => !tried.has(endpoint));
    const first = Math.floor(random() * free.length);
    // Counted on from the first, so that it is never the same one twice.
    const second = (first + 1 + Math.floor(random() * (free.length - 1))) % free.length;
    const [one, other] = [free[first], free[second]];
    return one && other && other.load.cost < one.load.cost ? other : one;
  }

  async function carry(endpoint: Endpoint, call: Call): Promise<unknown> {
    const end = endpoint.load.begin();
    try {
      const result = await raceSignal(endpoint.transport.call(call), call.signal);
      end('answered');
      ejection.succeeded(endpoint);
      return result;
    } catch (thrown) {
      const error = toRpcError(thrown);
      const failure = failureOf(call, error);
      end(LOAD_OUTCOMES[failure]);
      if (failure === 'answered') ejection.succeeded(endpoint);
      if (failure === 'broken' || failure === 'not-reached') ejection.failed(endpoint, { call, error });
      throw error;
    } finally {
      if (endpoint.left && endpoint.load.pending === 0) close(endpoint);
    }
  }

  const source = isSource(given) ? given.start(update) : undefined;
  if (!isSource(given)) update(given);
  if (members.length === 0) throw new TypeError('A balancer needs an endpoint');

  return {
    async call(call) {
      const tried = new Set<Endpoint>();
      let failed: RpcError | undefined;
      for (;;) {
        const endpoint = tried.size < TRIES_MAX ? choose(tried) : undefined;
        if (!endpoint) throw failed ?? closedError(call);
        if (failed) notify(on?.failover, { call, endpoint: hideUrlSecrets(endpoint.url), error: failed });
        tried.add(endpoint);
        try {
          return await carry(endpoint, call);
        } catch (thrown) {
          const error = toRpcError(thrown);
          if (!error.neverSent || call.signal.aborted) throw error;
          failed = sooner(failed, error);
        }
      }
    },
    get endpoints() {
      return members.map(({ url, load, health }) => ({ url: hideUrlSecrets(url), pending: load.pending, health }));
    },
    async [Symbol.asyncDispose]() {
      disposed = true;
      source?.[Symbol.dispose]();
      members = [];
      for (const endpoint of open) close(endpoint);
      await Promise.all(closing);
    },
  };
}

/** Push-back makes an endpoint look slow too: it answers fastest when it has most to do. */
const LOAD_OUTCOMES = {
  'not-reached': 'failed',
  'pushed-back': 'failed',
  broken: 'failed',
  answered: 'answered',
  withdrawn: 'withdrawn',
} as const satisfies Record<Failure, LoadOutcome>;

function isSource(endpoints: readonly string[] | EndpointSource): endpoints is EndpointSource {
  return 'start' in endpoints;
}

/** Nobody waits for the transport of an endpoint that has left, so a failure to close it can only be reported. */
async function closeTransport({ transport }: Endpoint): Promise<void> {
  try {
    await transport[Symbol.asyncDispose]();
  } catch (error) {
    process.emitWarning(new Error('A transport could not be closed', { cause: error }));
  }
}

/** Of several failures the one that lets the caller come back soonest. */
function sooner(one: RpcError | undefined, other: RpcError): RpcError {
  return one && (one.retryAfterMs ?? 0) <= (other.retryAfterMs ?? 0) ? one : other;
}

function closedError({ service }: Call): RpcError {
  return new RpcError('unavailable', `${service} is not called any more`, { neverSent: true });
}
