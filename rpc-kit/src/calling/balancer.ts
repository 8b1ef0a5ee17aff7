import type { Call } from '../call.ts';
import { settlingCalls, type Transport } from '../client.ts';
import { hideUrlSecrets } from '../http/urls.ts';
import { RpcError, toRpcError } from '../rpc-error.ts';
import { checkWhole, LIMIT } from '../schema/whole-number.ts';
import { notify } from '../telemetry/notify.ts';
import {
  BALANCER_DEFAULTS,
  type BalancerOptions,
  type EndpointState,
  type EndpointStatus,
} from './balancer-options.ts';
import { createCanary } from './canary.ts';
import { isRefusal } from './circuit-breaker.ts';
import { type Candidates, type ChoiceStep, chooseOfTwo, chooseOfTwoByWeight } from './endpoint-choice.ts';
import { startEndpoints } from './endpoint-list.ts';
import { type Endpoint, EndpointPool } from './endpoint-pool.ts';
import { type Failure, failureOf } from './failure.ts';
import { createHealthChecks } from './health-checks.ts';
import { createOutlierEjection } from './outlier-ejection.ts';
import { createPeakEwma, type LoadOutcome } from './peak-ewma.ts';
import { createSlowStart } from './slow-start.ts';
import { createZonePreference } from './zone-preference.ts';

/** Disposing it closes the transports of all endpoints. */
export interface Balancer extends Transport, AsyncDisposable {
  readonly endpoints: readonly EndpointStatus[];
}

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
    ...BALANCER_DEFAULTS,
    ...options,
  };
  checkWhole({ decayMs }, { decayMs: LIMIT });
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

  /** Undefined for the first endpoints: they share all calls from the start. */
  let joinedAt: number | undefined;
  const pool = new EndpointPool({
    connect(url) {
      const transport = connect(url);
      return { transport, call: settlingCalls(transport), load: createPeakEwma(decayMs) };
    },
    joined(endpoint) {
      if (joinedAt !== undefined) starting?.begin(endpoint, joinedAt);
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

  async function close(): Promise<void> {
    checks?.[Symbol.dispose]();
    await pool.close();
  }

  function start(): Disposable {
    let started: Disposable | undefined;
    try {
      started = startEndpoints(endpoints, (list) => {
        if (pool.members.length > 0) joinedAt = performance.now();
        if (pool.update(list)) ejection.rebalance();
      });
      if (pool.members.length === 0) throw new TypeError('A balancer needs an endpoint');
      return started;
    } catch (error) {
      started?.[Symbol.dispose]();
      void close();
      throw error;
    }
  }
  const source = start();

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
    const partOf = starting?.partsAt(performance.now());
    if (!pool.isWeighted && !partOf) return chooseOfTwo(available, random);
    const weightOf = (endpoint: Endpoint): number => (endpoint.listed.weight ?? 1) * (partOf?.(endpoint) ?? 1);
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
      // The refusal of an open circuit is no further failure: an endpoint that returns would be ejected again without having been asked.
      const isFailure = failure === 'broken' || (failure === 'not-reached' && !isRefusal(error));
      if (isFailure) ejection.failed(endpoint, { call, error });
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

  function stateOf(endpoint: Endpoint): EndpointState {
    const { health } = endpoint;
    // The next call readmits an endpoint whose time is over, and may come much later.
    if (health.name === 'ejected' && health.untilAt > performance.now()) return 'ejected';
    if (checks && endpoint.check.name !== 'passing') return 'unhealthy';
    const part = starting?.partsAt(performance.now())?.(endpoint) ?? 1;
    return part < 1 ? 'starting' : 'serving';
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
      await close();
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
