import type { Call, Interceptor, Next } from '../call.ts';
import type { Transport } from '../client.ts';
import { raceSignal } from '../deadline.ts';
import { RpcError, toRpcError } from '../rpc-error.ts';
import { notify } from '../telemetry/notify.ts';
import { createCircuitJudge } from './circuit-judge.ts';
import { failureOf } from './failure.ts';

export interface CircuitBreakerOptions {
  /** Failures in a row that open it. Calls that were under way together when the first of them failed count once. */
  readonly failuresMax?: number;
  /** The share of calls, from 0 to 1, that must succeed; below it, it opens. */
  readonly successRateMin?: number;
  /** Calls in the window below which their success rate says nothing. */
  readonly callsMin?: number;
  /** What the success rate is taken over, in milliseconds. */
  readonly windowMs?: number;
  /** How long it stays open before it lets a probe through, in milliseconds. */
  readonly restMs?: number;
  readonly on?: Partial<CircuitBreakerEvents>;
}

/**
 * - `closed`: calls go through and are judged.
 * - `open`: calls are refused until `untilAt`, on `performance.now()`'s scale.
 * - `half-open`: the next call goes through as a probe; while it is under way, all others are refused.
 */
export type CircuitBreakerState =
  | { readonly name: 'closed'; readonly failuresInARow: number }
  | { readonly name: 'open'; readonly untilAt: number }
  | { readonly name: 'half-open'; readonly probing: boolean };

export interface CircuitBreakerEvents {
  /** From closed, or from half-open when the probe failed. */
  open(event: { readonly why: OpenReason; readonly restMs: number }): void;
  halfOpen(): void;
  close(): void;
  refused(event: { readonly call: Call; readonly retryAfterMs: number }): void;
  /** It was disposed of; nothing more will come. */
  dispose(): void;
}

export type OpenReason = 'failures in a row' | 'success rate' | 'probe';

/**
 * Dispose it together with the endpoint, which frees its timer; calls then pass it by.
 * As an interceptor it stands inside of retry and hedging, so that it judges each attempt.
 */
export interface CircuitBreaker extends Disposable {
  readonly interceptor: Interceptor;
  readonly state: CircuitBreakerState;
  /** The transport with this breaker around it, as a balancer connects to: `connect: (url) => breaker.guard(wire)`. */
  guard(transport: Transport & AsyncDisposable): Transport & AsyncDisposable;
}

const DEFAULTS = {
  // One or two failures are bad luck, five in a row are a peer that is down.
  failuresMax: 5,
  // A peer that fails half of its calls does more harm than good; retries cannot mend that within their budget.
  successRateMin: 0.5,
  callsMin: 20,
  windowMs: 10_000,
  // A restarting process is back within seconds; a probe that comes too early costs one call.
  restMs: 5_000,
} as const satisfies Required<Omit<CircuitBreakerOptions, 'on'>>;

/** What those are told to wait who come while a probe is under way: a healthy peer has answered it by then. */
const PROBE_WAIT_MS = 100;

/** Timers count whole milliseconds; who is told this much more to wait for an open circuit does not come too early. */
const TIMER_SLACK_MS = 2;

/**
 * A circuit breaker (Nygard, "Release It!", 2007; https://martinfowler.com/bliki/CircuitBreaker.html) for one endpoint: when
 * it fails too much, its calls are refused at once for a while, which spares the caller the wait and the endpoint the load.
 * Then a single call is let through as a probe, and its outcome closes the circuit or opens it again.
 *
 * What counts is told by `failureOf`. Failures are timeouts, broken and refused connections and inner failures. Business
 * errors and the caller's mistakes are successes: the endpoint answered. Push-back and what our own side cancelled count as
 * nothing, and a probe that ends so leaves its place to the next call.
 *
 * Refusals are `unavailable` with the time to wait, and marked `neverSent`.
 */
export function createCircuitBreaker(options: CircuitBreakerOptions = {}): CircuitBreaker {
  const settings = { ...DEFAULTS, ...options };
  const { failuresMax, restMs, on } = settings;
  let state: CircuitBreakerState = { name: 'closed', failuresInARow: 0 };
  let disposed = false;
  /** Counts the changes of state: a call that ends under another state than it began in is not judged any more. */
  let period = 0;
  /** When the failures in a row last became more. */
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
    const message = `${call.service} is not asked for now: its calls have failed`;
    throw new RpcError('unavailable', message, { retryAfterMs, neverSent: true });
  }

  /**
   * Fifty calls that one hiccup of the endpoint makes fail together are no better proof that it is down than one of them; if
   * it is, the success rate will tell. So only a failure of a call that began after the one before was known is one more.
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
    if (state.name === 'half-open') state = { name: 'half-open', probing: false };
  }

  async function watch(next: Next, call: Call): Promise<unknown> {
    const begun: Beginning = { in: period, at: performance.now() };
    try {
      const result = await raceSignal(next(call), call.signal);
      await judged('success', begun);
      return result;
    } catch (error) {
      await judged(verdictOf(call, toRpcError(error)), begun);
      throw error;
    }
  }

  const interceptor: Interceptor = (next) => async (call) => {
    if (disposed) return next(call);
    if (state.name === 'open') refuse(call, waitFor(state.untilAt));
    if (state.name === 'half-open') {
      if (state.probing) refuse(call, PROBE_WAIT_MS);
      state = { name: 'half-open', probing: true };
    }
    return watch(next, call);
  };

  const breaker: CircuitBreaker = {
    interceptor,
    get state() {
      return state;
    },
    guard(transport) {
      return {
        call: interceptor((call) => transport.call(call)),
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

/** The period and the time in which a call began. */
interface Beginning {
  readonly in: number;
  readonly at: number;
}

/** Undefined: it says nothing about the endpoint. */
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
