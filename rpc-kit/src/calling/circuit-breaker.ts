import type { Call, Interceptor, Next } from '../call.ts';
import { settlingCalls, type Transport } from '../client.ts';
import { raceSignal } from '../deadline.ts';
import { RpcError, toRpcError } from '../rpc-error.ts';
import { checkWhole, LIMIT } from '../schema/whole-number.ts';
import { notify } from '../telemetry/notify.ts';
import { createCircuitJudge } from './circuit-judge.ts';
import { failureOf } from './failure.ts';
import { atLeast, checkRange, SHARE } from './option-range.ts';

/** When `createCircuitBreaker` opens, for how long, and how it probes. All have defaults. */
export interface CircuitBreakerOptions {
  /** Failures in a row that open the circuit. Calls that were in flight together when one of them failed count once. */
  readonly failuresMax?: number;
  /** The circuit opens when the share of successful calls, from 0 to 1, falls below this. */
  readonly successRateMin?: number;
  /** With fewer calls in the window, their success rate is ignored. */
  readonly callsMin?: number;
  /** The window of the success rate, in milliseconds. */
  readonly windowMs?: number;
  /** How long the circuit stays open before it lets a probe through, in milliseconds. */
  readonly restMs?: number;
  readonly on?: Partial<CircuitBreakerEvents>;
}

/**
 * - `closed`: calls pass and are counted.
 * - `open`: calls are refused until `untilAt`, on `performance.now()`'s scale.
 * - `half-open`: the next call passes as a probe; while it is in flight, all others are refused. One that takes longer than `restMs` makes
 *   room for another.
 */
export type CircuitBreakerState =
  | { readonly name: 'closed'; readonly failuresInARow: number }
  | { readonly name: 'open'; readonly untilAt: number }
  | { readonly name: 'half-open'; readonly probing: boolean };

/** What a circuit breaker reports: each change of its state, and each call that it refuses. */
export interface CircuitBreakerEvents {
  /** From closed, or from half-open when the probe failed. */
  open(event: { readonly why: OpenReason; readonly restMs: number }): void;
  halfOpen(): void;
  close(): void;
  refused(event: { readonly call: Call; readonly retryAfterMs: number }): void;
  /** The breaker was disposed of; no event follows. */
  dispose(): void;
}

/** What opened the circuit; `probe`: the probe of a half-open one failed. */
export type OpenReason = 'failures in a row' | 'success rate' | 'probe';

/**
 * Dispose it together with its endpoint: that frees its timer, and calls then pass unchecked.
 * As an interceptor it belongs inside of retry and hedging, so that it counts each attempt.
 */
export interface CircuitBreaker extends Disposable {
  readonly interceptor: Interceptor;
  readonly state: CircuitBreakerState;
  /** Wraps the transport in this breaker, for a balancer: `connect: (url) => breaker.guard(createHttpTransport(url))`. */
  guard(transport: Transport & AsyncDisposable): Transport & AsyncDisposable;
}

const DEFAULTS = {
  // One or two failures happen by chance; five in a row mean that the peer is down.
  failuresMax: 5,
  // A peer that fails half of its calls does more harm than good; retries cannot make up for that within their budget.
  successRateMin: 0.5,
  callsMin: 20,
  windowMs: 10_000,
  // A process restarts within seconds; a probe that comes too early costs one call.
  restMs: 5_000,
} as const satisfies Required<Omit<CircuitBreakerOptions, 'on'>>;

/** The Retry-After of calls that are refused during a probe: a healthy peer answers it within this time. */
const PROBE_WAIT_MS = 100;

/** Added to the Retry-After of an open circuit: timers count whole milliseconds, and a caller must not come too early. */
const TIMER_SLACK_MS = 2;

const refusals = new WeakSet<RpcError>();

/** Whether a circuit breaker of this process refused the call, because of failures that are known already. */
export function isRefusal(error: RpcError): boolean {
  return refusals.has(error);
}

/**
 * A circuit breaker (Nygard, "Release It!", 2007; https://martinfowler.com/bliki/CircuitBreaker.html) for one endpoint: when
 * it fails too often, its calls are refused at once for a while, which saves the caller the wait and the endpoint the load.
 * Then a single call passes as a probe, and its outcome closes the circuit or opens it again.
 *
 * `failureOf` decides what counts. Timeouts, broken and refused connections and internal failures are failures. Business errors
 * and the caller's mistakes are successes: the endpoint answered. Push-back and withdrawn calls count as neither; after a probe
 * that ends so, the next call is the probe.
 *
 * Refusals are `unavailable` with Retry-After, and marked `neverSent`.
 *
 * @throws {RangeError} for an option outside its range
 */
export function createCircuitBreaker(options: CircuitBreakerOptions = {}): CircuitBreaker {
  const settings = checkWhole({ ...DEFAULTS, ...options }, { callsMin: LIMIT, windowMs: LIMIT, restMs: LIMIT });
  const { failuresMax, successRateMin, restMs, on } = settings;
  checkRange({ failuresMax }, atLeast(1));
  checkRange({ successRateMin }, SHARE);
  let state: CircuitBreakerState = { name: 'closed', failuresInARow: 0 };
  let disposed = false;
  /** Counts state changes: a call that ends in another state than it began in does not count. */
  let period = 0;
  /** The number of the last probe, and when it began. */
  let probe = 0;
  let probedAt = Number.NEGATIVE_INFINITY;
  /** When `failuresInARow` last rose. */
  let failedAt = Number.NEGATIVE_INFINITY;

  function enter(entered: CircuitBreakerState): void {
    state = entered;
    period += 1;
  }

  const judge = createCircuitJudge(settings, {
    open() {
      const why = openReason(state, failuresMax);
      enter({ name: 'open', untilAt: performance.now() + restMs });
      notify(on?.open, { why, restMs });
    },
    halfOpen() {
      enter({ name: 'half-open', probing: false });
      notify(on?.halfOpen, undefined);
    },
    close() {
      enter({ name: 'closed', failuresInARow: 0 });
      notify(on?.close, undefined);
    },
  });

  function refuse(call: Call, retryAfterMs: number): never {
    notify(on?.refused, { call, retryAfterMs });
    const message = `Calls to ${call.service} are refused for now, because earlier calls failed`;
    const refusal = new RpcError('unavailable', message, { retryAfterMs, neverSent: true });
    refusals.add(refusal);
    throw refusal;
  }

  /**
   * Fifty calls that fail together in one hiccup prove no more than one of them; the success rate covers a lasting failure. So
   * a failure counts only when its call began after the previous failure was known.
   */
  function failuresWith(verdict: 'success' | 'failure', before: number, begunAt: number): number {
    if (verdict === 'success') return 0;
    if (before > 0 && begunAt < failedAt) return before;
    failedAt = performance.now();
    return before + 1;
  }

  async function judged(verdict: Verdict, begun: Beginning): Promise<void> {
    if (period !== begun.in || disposed) return;
    if (state.name === 'closed' && verdict !== undefined) {
      const failuresInARow = failuresWith(verdict, state.failuresInARow, begun.at);
      if (failuresInARow !== state.failuresInARow) state = { name: 'closed', failuresInARow };
      if (failuresInARow >= failuresMax) return judge.open();
    }
    if (verdict !== undefined) return judge.add(verdict);
    if (begun.probe === probe && state.name === 'half-open') state = { name: 'half-open', probing: false };
  }

  /** @param next settles when the signal aborts */
  async function watch(next: Next, call: Call, probe?: number): Promise<unknown> {
    const begun: Beginning = { in: period, at: performance.now(), probe };
    try {
      const result = await next(call);
      await judged('success', begun);
      return result;
    } catch (error) {
      await judged(verdictOf(call, toRpcError(error)), begun);
      throw error;
    }
  }

  const guarded: Interceptor = (next) => async (call) => {
    if (disposed) return next(call);
    if (state.name === 'open') refuse(call, waitFor(state.untilAt));
    // A stream may be silent for minutes, so it is no probe; its failure counts.
    if (state.name !== 'half-open' || call.emit) return watch(next, call);
    if (state.probing && performance.now() - probedAt < restMs) refuse(call, PROBE_WAIT_MS);
    state = { name: 'half-open', probing: true };
    probedAt = performance.now();
    probe += 1;
    return watch(next, call, probe);
  };

  const breaker: CircuitBreaker = {
    interceptor: (next) => guarded((call) => raceSignal(next(call), call.signal)),
    get state() {
      return state;
    },
    guard(transport) {
      return {
        call: guarded(settlingCalls(transport)),
        settlesOnAbort: true,
        // An open circuit refuses calls, not the question whether the peer has recovered.
        askReadiness: transport.askReadiness?.bind(transport),
        async [Symbol.asyncDispose]() {
          breaker[Symbol.dispose]();
          await transport[Symbol.asyncDispose]();
        },
      };
    },
    [Symbol.dispose]() {
      if (disposed) return;
      disposed = true;
      judge[Symbol.dispose]();
      notify(on?.dispose, undefined);
    },
  };
  return breaker;
}

function waitFor(untilAt: number): number {
  return Math.max(0, Math.ceil(untilAt - performance.now())) + TIMER_SLACK_MS;
}

/** The period in which a call began, when, and as which probe. */
interface Beginning {
  readonly in: number;
  readonly at: number;
  readonly probe: number | undefined;
}

/** Undefined: the outcome says nothing about the endpoint. */
type Verdict = 'success' | 'failure' | undefined;

function verdictOf(call: Call, error: RpcError): Verdict {
  switch (failureOf(call, error)) {
    case 'broken':
    case 'not-reached':
      return 'failure';
    case 'answered':
      return 'success';
    case 'pushed-back':
    case 'withdrawn':
      return undefined;
  }
}

function openReason(state: CircuitBreakerState, failuresMax: number): OpenReason {
  if (state.name !== 'closed') return 'probe';
  return state.failuresInARow >= failuresMax ? 'failures in a row' : 'success rate';
}
