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
  /** The addresses of one service: a list, or a source of lists (`dnsEndpoints`). */
  readonly endpoints: readonly string[] | EndpointSource;
  /** Creates the transport to one endpoint, e.g. an HTTP transport guarded by its own circuit breaker. The balancer disposes of it. */
  connect(url: string): Transport & AsyncDisposable;
  /** The age at which a latency weighs 1/e, in milliseconds. */
  readonly decayMs?: number;
  /** From 0 to below 1. */
  readonly random?: () => number;
  readonly on?: Partial<BalancerEvents>;
}

export interface EndpointSource {
  /** Calls `update` with the current endpoints, once before it returns and again after each change, until it is disposed of. */
  start(update: (urls: readonly string[]) => void): Disposable;
}

/** Endpoints are named by their URLs without userinfo and query. */
export interface BalancerEvents {
  /** An endpoint failed too often and gets no calls for `forMs`. This is its ejection number `times` in a row. */
  eject(event: {
    readonly endpoint: string;
    /** The call whose failure ejected it. */
    readonly call: Call;
    readonly error: RpcError;
    readonly times: number;
    readonly forMs: number;
  }): void;
  /** An ejected endpoint gets calls again. */
  readmit(event: { readonly endpoint: string }): void;
  join(event: { readonly endpoint: string }): void;
  leave(event: { readonly endpoint: string }): void;
  /** The call never reached one endpoint (`error`) and is sent to this one. */
  failover(event: { readonly endpoint: string; readonly call: Call; readonly error: RpcError }): void;
}

/** The current state of one endpoint, for pages and tests. */
export interface EndpointStatus {
  readonly url: string;
  /** Calls in flight. */
  readonly pending: number;
  readonly health: EndpointHealth;
}

/** Disposing it closes the transports of all endpoints. */
export interface Balancer extends Transport, AsyncDisposable {
  readonly endpoints: readonly EndpointStatus[];
}

const DEFAULTS = {
  // Finagle's default: several times longer than a garbage collection pause, shorter than a restart.
  decayMs: 10_000,
  // One or two failures in a row happen by chance.
  failuresMax: 5,
  // About as long as a process takes to restart; readmission that comes too early costs one call.
  ejectionMs: 5_000,
  ejectionMaxMs: 60_000,
  // When more than half of a service fails, the rest must not receive all of its load.
  ejectedShareMax: 0.5,
  random: Math.random,
} as const satisfies Partial<BalancerOptions>;

/**
 * Endpoints that one attempt tries as long as the call certainly reached none. Further attempts are left to retry and its budget.
 */
const TRIES_MAX = 3;

interface Endpoint extends EjectionRecord {
  readonly url: string;
  readonly transport: Transport & AsyncDisposable;
  readonly load: PeakEwma;
  /** Open streams. How long they last, and how many there are, says nothing about the load of the endpoint. */
  streams: number;
  /** It is no longer listed; its transport closes when its last call has ended. */
  left: boolean;
}

interface FailedCall {
  readonly call: Call;
  readonly error: RpcError;
}

/**
 * A transport over all endpoints of a service. Each call goes to the better of two endpoints chosen at random ("The Power of
 * Two Choices in Randomized Load Balancing", Mitzenmacher 2001): the one with the lower peak EWMA (see `createPeakEwma`).
 * Endpoints that keep failing are ejected (see `createOutlierEjection`).
 *
 * A call that certainly never reached its endpoint fails over to the next at once: no server has seen it, so it adds no load
 * and takes nothing out of the retry budget. Every other failure is returned to the caller.
 *
 * @throws {TypeError} without any endpoint, and whatever `connect` throws
 */
export function createBalancer(options: BalancerOptions): Balancer {
  const { endpoints, connect, decayMs, random, on, ...ejectionOptions } = { ...DEFAULTS, ...options };
  const pool = new EndpointPool((url) => ({ transport: connect(url), load: createPeakEwma(decayMs) }), on);
  const ejection = createOutlierEjection<Endpoint, FailedCall>(ejectionOptions, () => pool.members, {
    eject({ member, cause, times, forMs }) {
      notify(on?.eject, { endpoint: hideUrlSecrets(member.url), ...cause, times, forMs });
    },
    readmit({ url, load }) {
      load.reset();
      notify(on?.readmit, { endpoint: hideUrlSecrets(url) });
    },
  });
  const update = (urls: readonly string[]): void => {
    if (pool.update(urls)) ejection.rebalance();
  };
  const source = isSource(endpoints) ? endpoints.start(update) : undefined;
  if (!isSource(endpoints)) update(endpoints);
  if (pool.members.length === 0) throw new TypeError('A balancer needs an endpoint');

  function choose(tried: ReadonlySet<Endpoint>, others: ReadonlySet<object> | undefined): Endpoint | undefined {
    const untried = ejection.serving().filter((endpoint) => !tried.has(endpoint));
    const unused = others ? untried.filter((endpoint) => !others.has(endpoint)) : untried;
    const free = unused.length > 0 ? unused : untried;
    const first = Math.floor(random() * free.length);
    // An offset from the first, so that both are never the same endpoint.
    const second = (first + 1 + Math.floor(random() * (free.length - 1))) % free.length;
    const [one, other] = [free[first], free[second]];
    return one && other && other.load.cost < one.load.cost ? other : one;
  }

  async function send(endpoint: Endpoint, call: Call): Promise<unknown> {
    const end = call.emit ? openStream(endpoint) : endpoint.load.begin();
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
      pool.closeIfLeft(endpoint);
    }
  }

  async function call(call: Call): Promise<unknown> {
    const tried = new Set<Endpoint>();
    let failed: RpcError | undefined;
    for (;;) {
      const endpoint = tried.size < TRIES_MAX ? choose(tried, call.endpoints) : undefined;
      if (!endpoint) throw failed ?? closedError(call);
      if (failed) notify(on?.failover, { call, endpoint: hideUrlSecrets(endpoint.url), error: failed });
      tried.add(endpoint);
      call.endpoints?.add(endpoint);
      try {
        return await send(endpoint, call);
      } catch (thrown) {
        const error = toRpcError(thrown);
        if (!error.neverSent || call.signal.aborted) throw error;
        failed = sooner(failed, error);
      }
    }
  }

  return {
    call,
    get endpoints() {
      return pool.members.map(({ url, load, health }) => ({ url: hideUrlSecrets(url), pending: load.pending, health }));
    },
    async [Symbol.asyncDispose]() {
      source?.[Symbol.dispose]();
      await pool.close();
    },
  };
}

/** The endpoints that are listed now, and the transports of those that have left but still have calls in flight. */
class EndpointPool {
  readonly #connect: (url: string) => Pick<Endpoint, 'transport' | 'load'>;
  readonly #on: Partial<BalancerEvents> | undefined;
  readonly #open = new Set<Endpoint>();
  readonly #closing = new Set<Promise<void>>();
  #isClosed = false;
  members: readonly Endpoint[] = [];

  constructor(connect: (url: string) => Pick<Endpoint, 'transport' | 'load'>, on: Partial<BalancerEvents> | undefined) {
    this.#connect = connect;
    this.#on = on;
  }

  /** @returns whether the list was applied; an empty list is ignored */
  update(list: readonly string[]): boolean {
    const urls = new Set(list);
    if (urls.size === 0 || this.#isClosed) return false;
    const known = new Map(this.members.map((endpoint) => [endpoint.url, endpoint]));
    this.members = [...urls].map((url) => known.get(url) ?? this.#join(url));
    for (const [url, endpoint] of known) if (!urls.has(url)) this.#leave(endpoint);
    return true;
  }

  closeIfLeft(endpoint: Endpoint): void {
    if (endpoint.left && endpoint.load.pending + endpoint.streams === 0) this.#close(endpoint);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.members = [];
    for (const endpoint of this.#open) this.#close(endpoint);
    await Promise.all(this.#closing);
  }

  #join(url: string): Endpoint {
    const endpoint = { ...createEjectionRecord(), url, ...this.#connect(url), streams: 0, left: false };
    this.#open.add(endpoint);
    notify(this.#on?.join, { endpoint: hideUrlSecrets(url) });
    return endpoint;
  }

  #leave(endpoint: Endpoint): void {
    endpoint.left = true;
    this.closeIfLeft(endpoint);
    notify(this.#on?.leave, { endpoint: hideUrlSecrets(endpoint.url) });
  }

  #close(endpoint: Endpoint): void {
    if (!this.#open.delete(endpoint)) return;
    const closed = closeTransport(endpoint).finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }
}

function openStream(endpoint: Endpoint): () => void {
  endpoint.streams += 1;
  return () => {
    endpoint.streams -= 1;
  };
}

/** Push-back counts as a failure here: an overloaded endpoint refuses fast and must not look fast. */
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

/** No caller awaits the transport of an endpoint that has left, so a failure to close it is only reported. */
async function closeTransport({ transport }: Endpoint): Promise<void> {
  try {
    await transport[Symbol.asyncDispose]();
  } catch (error) {
    process.emitWarning(new Error('A transport could not be closed', { cause: error }));
  }
}

/** The failure that lets the caller retry soonest. */
function sooner(one: RpcError | undefined, other: RpcError): RpcError {
  return one && (one.retryAfterMs ?? 0) <= (other.retryAfterMs ?? 0) ? one : other;
}

function closedError({ service }: Call): RpcError {
  return new RpcError('unavailable', `The client of ${service} is closed`, { neverSent: true });
}
