import type { Call } from '../call.ts';
import { settlingCalls, type Transport } from '../client.ts';
import { hideUrlSecrets } from '../http/urls.ts';
import { RpcError, toRpcError } from '../rpc-error.ts';
import { notify } from '../telemetry/notify.ts';
import { type CanaryGroup, type CanaryOptions, createCanary } from './canary.ts';
import { type Candidates, type ChoiceStep, chooseOfTwo, chooseOfTwoByWeight } from './endpoint-choice.ts';
import { type EndpointList, startEndpoints } from './endpoint-list.ts';
import { type Endpoint, EndpointPool } from './endpoint-pool.ts';
import { type Failure, failureOf } from './failure.ts';
import { createHealthChecks, type HealthCheckOptions } from './health-checks.ts';
import { createOutlierEjection, type EndpointHealth, type OutlierEjectionOptions } from './outlier-ejection.ts';
import { createPeakEwma, type LoadOutcome } from './peak-ewma.ts';
import { createSlowStart, type SlowStartOptions } from './slow-start.ts';
import { createZonePreference, type SpillReason } from './zone-preference.ts';

/** Endpoints of `createBalancer`, and how it chooses among them. Each way of choosing is off unless it is set. */
export interface BalancerOptions extends Partial<OutlierEjectionOptions> {
  /** The endpoints of one service: URLs, entries with zone, weight and version, and sources of them (`dnsEndpoints`). */
  readonly endpoints: EndpointList;
  /** Creates the transport to one endpoint, e.g. an HTTP transport guarded by its own circuit breaker. The balancer disposes of it. */
  connect(url: string): Transport & AsyncDisposable;
  /** The zone whose endpoints are preferred, which is usually this process's own. Unset: zones make no difference. */
  readonly zone?: string | undefined;
  /** Sends a share of the calls, or chosen calls, to the endpoints of one version. Unset: versions make no difference. */
  readonly canary?: CanaryOptions | undefined;
  /** Asks each endpoint whether it is ready (`/readyz`, `grpc.health.v1`). Unset: only the outcomes of calls count. */
  readonly healthChecks?: HealthCheckOptions | undefined;
  /** Lets the share of an endpoint that joins or returns grow over a window. Unset: it gets its whole share at once. */
  readonly slowStart?: SlowStartOptions | undefined;
  /** The age at which a latency weighs 1/e, in milliseconds. */
  readonly decayMs?: number;
  /** From 0 to below 1. */
  readonly random?: () => number;
  readonly on?: Partial<BalancerEvents>;
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
  /** With `healthChecks`: the endpoint gets no calls. It did not answer (`error`), or answered that it is not ready. */
  unhealthy(event: { readonly endpoint: string; readonly error: RpcError | undefined }): void;
  /** It gets calls again. */
  healthy(event: { readonly endpoint: string }): void;
  /** With `zone`: the call is sent to another zone. */
  spill(event: { readonly call: Call; readonly why: SpillReason }): void;
  /** With `canary`: an attempt at a call has ended at an endpoint of the group; without a failure, it has a result. */
  canary(event: {
    readonly endpoint: string;
    readonly call: Call;
    readonly group: CanaryGroup;
    readonly failure: Failure | undefined;
  }): void;
}

/**
 * - `serving`: the endpoint gets its share of the calls.
 * - `starting`: it gets a share that grows (`slowStart`).
 * - `unhealthy`: it does not pass the health checks.
 * - `ejected`: its calls kept failing.
 */
export type EndpointState = 'serving' | 'starting' | 'unhealthy' | 'ejected';

/** The current state of one endpoint, for pages and tests. */
export interface EndpointStatus {
  readonly url: string;
  readonly zone: string | undefined;
  readonly version: string | undefined;
  readonly state: EndpointState;
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

interface FailedCall {
  readonly call: Call;
  readonly error: RpcError;
}

/**
 * A transport over all endpoints of a service. Each call goes to the better of two endpoints chosen at random ("The Power of
 * Two Choices in Randomized Load Balancing", Mitzenmacher 2001): the one with the lower peak EWMA (see `createPeakEwma`).
 * Endpoints that keep failing are ejected (see `createOutlierEjection`). Health checks, the canary and the zone narrow the choice
 * before, in this order (docs/decisions/0057).
 *
 * A call that certainly never reached its endpoint fails over to the next at once: no server has seen it, so it adds no load
 * and takes nothing out of the retry budget. Every other failure is returned to the caller.
 *
 * @throws {TypeError} without any endpoint, and whatever `connect` throws
 * @throws {RangeError} for an option or a weight outside its range
 */
export function createBalancer(options: BalancerOptions): Balancer {
  const { endpoints, connect, decayMs, random, on, zone, canary, healthChecks, slowStart, ...ejectionOptions } = {
    ...DEFAULTS,
    ...options,
  };
  const starting = slowStart && createSlowStart(slowStart);
  const checks =
    healthChecks &&
    createHealthChecks<Endpoint>(healthChecks, random, {
      fall: (endpoint, error) => notify(on?.unhealthy, { endpoint: shownUrl(endpoint), error }),
      rise(endpoint) {
        returned(endpoint);
        notify(on?.healthy, { endpoint: shownUrl(endpoint) });
      },
    });
  const steps: readonly ChoiceStep<Endpoint>[] = [
    checks,
    canary &&
      createCanary<Endpoint>(canary, random, {
        settled: (endpoint, call, group, failure) =>
          notify(on?.canary, { endpoint: shownUrl(endpoint), call, group, failure }),
      }),
    zone === undefined
      ? undefined
      : createZonePreference<Endpoint>(zone, random, { spill: (event) => notify(on?.spill, event) }),
  ].filter((step) => step !== undefined);

  let isStarted = false;
  const pool = new EndpointPool({
    connect(url) {
      const transport = connect(url);
      return { transport, call: settlingCalls(transport), load: createPeakEwma(decayMs) };
    },
    joined(endpoint) {
      // The first endpoints share all calls anyway.
      if (isStarted) starting?.begin(endpoint, performance.now());
      checks?.watch(endpoint);
      notify(on?.join, { endpoint: shownUrl(endpoint) });
    },
    left(endpoint) {
      checks?.unwatch(endpoint);
      notify(on?.leave, { endpoint: shownUrl(endpoint) });
    },
  });
  const ejection = createOutlierEjection<Endpoint, FailedCall>(ejectionOptions, () => pool.members, {
    eject({ member, cause, times, forMs }) {
      notify(on?.eject, { endpoint: shownUrl(member), ...cause, times, forMs });
    },
    readmit(endpoint) {
      returned(endpoint);
      notify(on?.readmit, { endpoint: shownUrl(endpoint) });
    },
  });
  const source = startEndpoints(endpoints, (list) => {
    if (pool.update(list)) ejection.rebalance();
    isStarted = true;
  });
  if (pool.members.length === 0) throw new TypeError('A balancer needs an endpoint');

  function returned(endpoint: Endpoint): void {
    endpoint.load.reset();
    starting?.begin(endpoint, performance.now());
  }

  function choose(call: Call, tried: ReadonlySet<Endpoint>): Endpoint | undefined {
    const serving = ejection.serving();
    const isFailover = tried.size > 0;
    const untried = isFailover ? serving.filter((endpoint) => !tried.has(endpoint)) : serving;
    if (untried.length === 0) return undefined;
    const { endpoints: used } = call;
    const unused = used?.size ? untried.filter((endpoint) => !used.has(endpoint)) : untried;
    let candidates: Candidates<Endpoint> = { listed: pool.members, available: unused.length > 0 ? unused : untried };
    for (const step of steps) candidates = step.narrow(candidates, { call, isFailover });
    return byWeight(candidates.available);
  }

  function byWeight(available: readonly Endpoint[]): Endpoint | undefined {
    const now = starting && performance.now();
    const ramp = now !== undefined && starting?.isActive(now) ? starting : undefined;
    if (!pool.isWeighted && !ramp) return chooseOfTwo(available, random);
    const weightOf = (endpoint: Endpoint): number =>
      (endpoint.listed.weight ?? 1) * (ramp?.partOf(endpoint, now ?? 0) ?? 1);
    return chooseOfTwoByWeight(available, weightOf, random);
  }

  async function send(endpoint: Endpoint, call: Call): Promise<unknown> {
    const end = call.emit ? openStream(endpoint) : endpoint.load.begin();
    try {
      const result = await endpoint.call(call);
      end('answered');
      ejection.succeeded(endpoint);
      for (const step of steps) step.settled?.(endpoint, call, undefined);
      return result;
    } catch (thrown) {
      const error = toRpcError(thrown);
      const failure = failureOf(call, error);
      end(LOAD_OUTCOMES[failure]);
      if (failure === 'answered') ejection.succeeded(endpoint);
      if (failure === 'broken' || failure === 'not-reached') ejection.failed(endpoint, { call, error });
      for (const step of steps) step.settled?.(endpoint, call, failure);
      throw error;
    } finally {
      pool.closeIfLeft(endpoint);
    }
  }

  async function call(call: Call): Promise<unknown> {
    const tried = new Set<Endpoint>();
    let failed: RpcError | undefined;
    for (;;) {
      const endpoint = tried.size < TRIES_MAX ? choose(call, tried) : undefined;
      if (!endpoint) throw failed ?? closedError(call);
      if (failed) notify(on?.failover, { call, endpoint: shownUrl(endpoint), error: failed });
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

  function stateOf({ health, check, startedAt }: Endpoint): EndpointState {
    if (health.name === 'ejected') return 'ejected';
    if (checks && check.name !== 'passing') return 'unhealthy';
    return starting && starting.partOf({ startedAt }, performance.now()) < 1 ? 'starting' : 'serving';
  }

  return {
    call,
    settlesOnAbort: true,
    get endpoints() {
      return pool.members.map((endpoint) => {
        const { listed, load, health } = endpoint;
        const { zone, version } = listed;
        return { url: shownUrl(endpoint), zone, version, state: stateOf(endpoint), pending: load.pending, health };
      });
    },
    async [Symbol.asyncDispose]() {
      source[Symbol.dispose]();
      checks?.[Symbol.dispose]();
      await pool.close();
    },
  };
}

function shownUrl({ listed }: Endpoint): string {
  return hideUrlSecrets(listed.url);
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

/** The failure that lets the caller retry soonest. */
function sooner(one: RpcError | undefined, other: RpcError): RpcError {
  return one && (one.retryAfterMs ?? 0) <= (other.retryAfterMs ?? 0) ? one : other;
}

function closedError({ service }: Call): RpcError {
  return new RpcError('unavailable', `The client of ${service} is closed`, { neverSent: true });
}
