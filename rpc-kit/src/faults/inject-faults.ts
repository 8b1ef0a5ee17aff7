import type { Call, Interceptor, Next } from '../call.ts';
import type { ServiceContract } from '../contract.ts';
import { pause, raceSignal } from '../deadline.ts';
import { RpcError } from '../rpc-error.ts';
import { notify } from '../telemetry/notify.ts';
import { perMethod } from '../telemetry/per-method.ts';
import { checkFaults, type Fault, type FaultPlan } from './fault.ts';

/** The faults that `injectFaults` injects, and the listener to them. */
export interface FaultOptions extends FaultPlan {
  readonly on?: Partial<FaultEvents>;
}

/** What `injectFaults` reports. */
export interface FaultEvents {
  injected(event: { readonly call: Call; readonly kind: Fault['kind'] }): void;
}

/** Calls that are held at a time, by a delay or until their deadline; further ones go on at once. */
const HELD_MAX = 1_000;

/** A fault with its own sequence of choices: one for each call of its method. */
interface Rule {
  readonly fault: Fault;
  readonly draw: () => number;
}

/**
 * Lets calls fail on purpose, on a server or on a client: see `Fault`. Retries count as calls, and a call may meet several faults.
 *
 * Each fault has its own sequence of choices, so whether it meets the nth call of its method depends on the seed and on n alone, whatever
 * other methods are called meanwhile. Nothing in a call can choose or avoid a fault.
 *
 * @throws {RangeError} for a value outside its range, and for a method that the contract does not have
 */
export function injectFaults(
  contract: ServiceContract,
  { faults, seed = Math.floor(Math.random() * 2 ** 32), on }: FaultOptions,
): Interceptor & { readonly seed: number } {
  checkFaults({ faults, seed });
  for (const { method } of faults) {
    if (method === '*' || Object.hasOwn(contract.methods, method)) continue;
    throw new RangeError(`${contract.name} has no method ${JSON.stringify(method)}`);
  }
  const rules = faults.map((fault, index): Rule => ({ fault, draw: randomFrom(seed + index) }));
  const rulesOf = perMethod(({ contract: known, method }) =>
    known ? rules.filter(({ fault }) => fault.method === '*' || fault.method === method) : [],
  );
  let held = 0;

  async function hold(waiting: () => Promise<void>): Promise<void> {
    if (held >= HELD_MAX) return;
    held += 1;
    try {
      await waiting();
    } finally {
      held -= 1;
    }
  }

  async function meet(hits: readonly Fault[], next: Next, call: Call): Promise<unknown> {
    const [first, ...others] = hits;
    if (!first) return next(call);
    notify(on?.injected, { call, kind: first.kind });
    if (first.kind === 'delay') {
      await hold(() => pause(first.ms, call.signal));
      return meet(others, next, call);
    }
    if (first.kind === 'abort') throw new RpcError(first.code, 'The call was failed on purpose, and had no effect');
    await next(call.emit ? breakingOff(call, call.emit) : call).catch(() => {});
    if (first.code === 'deadline_exceeded') await hold(() => raceSignal(new Promise(() => {}), call.signal));
    throw dropped();
  }

  const interceptor: Interceptor = (next) => (call) => {
    const candidates = rulesOf(call);
    if (candidates.length === 0) return next(call);
    // Every rule draws for every call, or one fault would shift the choices of another.
    const hits = candidates.filter(({ fault, draw }) => draw() < fault.share).map(({ fault }) => fault);
    return meet(hits, next, call);
  };
  return Object.assign(interceptor, { seed });
}

function breakingOff(call: Call, emit: NonNullable<Call['emit']>): Call {
  return {
    ...call,
    async emit(item) {
      await emit(item);
      throw dropped();
    },
  };
}

function dropped(): RpcError {
  return new RpcError('unavailable', 'The answer was dropped on purpose');
}

/** Numbers from 0 to below 1, the same for the same seed: mulberry32 (Tommy Ettinger, public domain). */
function randomFrom(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
