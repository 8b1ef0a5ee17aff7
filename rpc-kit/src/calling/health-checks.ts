import type { Transport } from '../client.ts';
import { raceSignal, startDeadline } from '../deadline.ts';
import { RpcError, toRpcError } from '../rpc-error.ts';
import { checkWhole, LIMIT } from '../schema/whole-number.ts';
import type { ChoiceStep } from './endpoint-choice.ts';

/** How a balancer checks its endpoints by itself, in place of waiting for calls that fail. */
export interface HealthCheckOptions {
  /** From the end of one check of an endpoint to the next, in milliseconds; a tenth more or less by chance. */
  readonly intervalMs?: number;
  /** A check that takes longer has failed. */
  readonly timeoutMs?: number;
  /** Checks in a row that a failing endpoint has to pass before it gets calls. */
  readonly riseAfter?: number;
  /** Failed checks in a row after which a passing endpoint gets no calls. One that answers that it is not ready gets none at once. */
  readonly fallAfter?: number;
  /** Checks in progress; further ones wait. */
  readonly checksMax?: number;
}

const DEFAULTS = {
  // These three are HAProxy's defaults (`inter`, `rise`, `fall`).
  intervalMs: 2_000,
  riseAfter: 2,
  fallAfter: 3,
  // A service that cannot say within a second that it is ready is of no use to its callers.
  timeoutMs: 1_000,
  // Many endpoints that joined at once must not all be connected to in one turn of the event loop.
  checksMax: 20,
} as const satisfies Required<HealthCheckOptions>;

/**
 * - `unchecked`: no check has ended. The first one that passes suffices.
 * - `passing`: the endpoint may get calls.
 * - `failing`: it gets none.
 */
export interface CheckState {
  readonly name: 'unchecked' | 'passing' | 'failing';
  /** Checks in a row that contradict the state. */
  readonly against: number;
}

/** What the checks keep of an endpoint, stored in the endpoint itself. */
export interface CheckRecord {
  readonly transport: Transport;
  check: CheckState;
}

export interface HealthCheckEvents<E> {
  /** Without an error, the endpoint answered that it is not ready. */
  fall(endpoint: E, error: RpcError | undefined): void;
  /** It passes again after it failed. */
  rise(endpoint: E): void;
}

export interface HealthChecks<E> extends ChoiceStep<E>, Disposable {
  /** Checks the endpoint at once and then at each interval. */
  watch(endpoint: E): void;
  unwatch(endpoint: E): void;
}

export function createCheckState(): CheckState {
  return { name: 'unchecked', against: 0 };
}

/**
 * When less than half of the endpoints pass, checks are ignored (Envoy's panic threshold,
 * https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/panic_threshold): the few must not receive the
 * load of all, and it is as likely that the checks are wrong.
 */
const PASSING_SHARE_MIN = 0.5;

/** Checks of many callers must not keep the same rhythm. */
const JITTER = 0.1;

/**
 * Asks each endpoint whether it is ready, and lets those that are not get no calls.
 * @throws {RangeError} for an option outside its range
 */
export function createHealthChecks<E extends CheckRecord>(
  options: HealthCheckOptions,
  random: () => number,
  on: HealthCheckEvents<E>,
): HealthChecks<E> {
  const ranges = { intervalMs: LIMIT, timeoutMs: LIMIT, riseAfter: LIMIT, fallAfter: LIMIT, checksMax: LIMIT };
  const { intervalMs, timeoutMs, riseAfter, fallAfter, checksMax } = checkWhole({ ...DEFAULTS, ...options }, ranges);
  /** The watched endpoints, with the timers of those that wait for their next check. */
  const watched = new Map<E, NodeJS.Timeout | undefined>();
  const due = new Set<E>();
  const stopped = new AbortController();
  let running = 0;

  function startDue(): void {
    for (const endpoint of due) {
      if (running >= checksMax) return;
      due.delete(endpoint);
      void run(endpoint);
    }
  }

  async function run(endpoint: E): Promise<void> {
    running += 1;
    const outcome = await outcomeOf(endpoint);
    running -= 1;
    startDue();
    if (!watched.has(endpoint)) return;
    conclude(endpoint, outcome);
    const waitMs = Math.min(LIMIT.max, intervalMs * (1 - JITTER + 2 * JITTER * random()));
    const timer = setTimeout(() => {
      due.add(endpoint);
      startDue();
    }, waitMs);
    // Checks alone must not keep a process alive.
    watched.set(endpoint, timer.unref());
  }

  async function outcomeOf({ transport }: E): Promise<Outcome> {
    try {
      using deadline = startDeadline(timeoutMs, stopped.signal);
      const isReady = await raceSignal(askReadiness(transport, deadline.signal), deadline.signal);
      return isReady ? 'ready' : 'not ready';
    } catch (error) {
      return toRpcError(error);
    }
  }

  function conclude(endpoint: E, outcome: Outcome): void {
    const { name, against } = endpoint.check;
    const seen = outcome === 'ready' ? 'passing' : 'failing';
    // An endpoint that says that it is not ready knows it; silence may be a lost packet.
    const isCertain = name === 'unchecked' || outcome === 'not ready';
    const needed = seen === name || isCertain ? 1 : seen === 'passing' ? riseAfter : fallAfter;
    if (against + 1 < needed) {
      endpoint.check = { name, against: against + 1 };
      return;
    }
    endpoint.check = { name: seen, against: 0 };
    if (seen === name) return;
    if (seen === 'failing') on.fall(endpoint, outcome instanceof RpcError ? outcome : undefined);
    else if (name === 'failing') on.rise(endpoint);
  }

  const passes = ({ check }: E): boolean => check.name === 'passing';

  return {
    watch(endpoint) {
      if (!endpoint.transport.askReadiness) {
        throw new TypeError('healthChecks needs transports that have askReadiness: connect returned one without it');
      }
      watched.set(endpoint, undefined);
      due.add(endpoint);
      startDue();
    },
    unwatch(endpoint) {
      clearTimeout(watched.get(endpoint));
      watched.delete(endpoint);
      due.delete(endpoint);
    },
    narrow(candidates) {
      const { listed, available } = candidates;
      if (listed.filter(passes).length < listed.length * PASSING_SHARE_MIN) return candidates;
      const passing = available.filter(passes);
      return passing.length > 0 ? { listed, available: passing } : candidates;
    },
    [Symbol.dispose]() {
      stopped.abort();
      for (const timer of watched.values()) clearTimeout(timer);
      watched.clear();
      due.clear();
    },
  };
}

/** An error: there was no answer. */
type Outcome = 'ready' | 'not ready' | RpcError;

async function askReadiness(transport: Transport, signal: AbortSignal): Promise<boolean> {
  return (await transport.askReadiness?.(signal)) ?? true;
}
