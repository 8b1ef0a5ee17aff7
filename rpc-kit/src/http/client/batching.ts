import type { Call } from '../../call.ts';
import { abortReason, Canceller, type Follower, followSignal } from '../../deadline.ts';
import { RpcError } from '../../rpc-error.ts';

/**
 * Micro-batching: calls of one method of a peer in one turn of the event loop are sent as one JSON-RPC batch. They share a
 * connection and a parse, which dominate the cost of a small call, and stay independent of each other.
 *
 * Servers of this kit send each answer when it is complete; other servers answer a batch when its slowest call is complete. So a
 * batch holds calls of one method only, which take about the same time.
 */
export interface BatchLimits {
  /** Calls in one batch; servers of this kit accept 50. */
  readonly callsMax: number;
  /** Characters in one batch: below the body limit of servers of this kit even at three bytes a character. */
  readonly lengthMax: number;
}

export const BATCH_LIMITS = { callsMax: 50, lengthMax: 256 * 1024 } as const satisfies BatchLimits;

/** Not 0, which some servers treat as a missing id. */
export const FIRST_ID = 1;

/** How fast the batch size recovers: a peer that refuses all batches gets one about every eight calls. */
const GROWTH = 1.1;

/**
 * setImmediate runs when every callback of this turn of the event loop has made its calls. Browsers have none, and delay a timeout of 0 in
 * hidden pages by a second, so there a batch has the calls that one task and its promises make.
 */
function atEndOfTurn(task: () => void): void {
  if (typeof setImmediate === 'function') setImmediate(task);
  else queueMicrotask(task);
}

/** A call that waits for its batch to be sent, and for its answer. */
export interface BatchedCall {
  readonly call: Call;
  /** Unique within the batch. */
  readonly id: number;
  /** The call as JSON text, with that id. Built on demand: a call that is alone in its batch does not need it. */
  text(): string;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

export interface Batcher {
  /** Settles with the call's own answer, or rejects with its signal's reason as soon as that aborts. */
  add(call: Call, toText: (id: number) => string): Promise<unknown>;
}

/**
 * @param send sends a batch and settles each of its calls. Its signal aborts only when every caller has left. It returns how many
 * calls were sent again alone; the next batches shrink by as many, so that the peer does not repeat most of its work.
 */
export function createBatcher(
  limits: BatchLimits,
  send: (batch: readonly BatchedCall[], signal: AbortSignal) => Promise<number>,
): Batcher {
  let { callsMax } = limits;
  let waiting: BatchedCall[] = [];
  let length = 0;
  let callers = new WaitingCallers();

  function flush(): void {
    if (waiting.length === 0) return;
    // A call whose caller has left is not sent.
    const batch = waiting.filter(({ call }) => !call.signal.aborted);
    const { signal } = callers;
    waiting = [];
    length = 0;
    callers = new WaitingCallers();
    if (batch.length === 0) return;
    send(batch, signal).then(
      (resent) => adapt(batch.length, resent),
      (error) => {
        for (const batched of batch) batched.reject(error);
      },
    );
  }

  function adapt(calls: number, resent: number): void {
    if (resent > 0) callsMax = Math.max(1, calls - resent);
    else if (calls >= Math.floor(callsMax)) callsMax = Math.min(limits.callsMax, callsMax * GROWTH);
  }

  return {
    add(call, toText) {
      // The text of the first call matters only when a second one joins. One that has none costs only itself.
      const [first] = waiting;
      if (first && waiting.length === 1 && !hasText(first)) waiting = [];
      let added = new WaitingCall(call, FIRST_ID + waiting.length, toText);
      if (first && waiting.length > 0) {
        if (waiting.length === 1) length = first.text().length;
        length += added.text().length;
        if (length > limits.lengthMax) {
          flush();
          added = new WaitingCall(call, FIRST_ID, toText);
        }
      }
      if (waiting.length === 0) atEndOfTurn(flush);
      waiting.push(added);
      const answered = added.join(callers);
      if (waiting.length >= Math.floor(callsMax)) flush();
      return answered;
    },
  };
}

function hasText(batched: BatchedCall): boolean {
  try {
    batched.text();
    return true;
  } catch (error) {
    batched.reject(error);
    return false;
  }
}

/** One object with methods: functions made for each call would take twice the memory. */
class WaitingCall implements BatchedCall, Follower {
  readonly call: Call;
  readonly id: number;
  readonly #toText: (id: number) => string;
  readonly #answered = Promise.withResolvers<unknown>();
  #text: string | undefined;
  #callers: WaitingCallers | undefined;
  #unfollow: (() => void) | undefined;
  #hasLeft = false;

  constructor(call: Call, id: number, toText: (id: number) => string) {
    this.call = call;
    this.id = id;
    this.#toText = toText;
  }

  /** @returns the answer */
  join(callers: WaitingCallers): Promise<unknown> {
    callers.join();
    this.#callers = callers;
    this.#unfollow = followSignal(this.call.signal, this);
    return this.#answered.promise;
  }

  text(): string {
    this.#text ??= this.#toText(this.id);
    return this.#text;
  }

  /** The caller no longer waits. */
  cancel(): void {
    this.#hasLeft = true;
    this.#answered.reject(abortReason(this.call.signal));
    this.#callers?.leave();
  }

  resolve(result: unknown): void {
    this.#settle();
    this.#answered.resolve(result);
  }

  reject(error: unknown): void {
    this.#settle();
    this.#answered.reject(error);
  }

  #settle(): void {
    this.#unfollow?.();
    if (!this.#hasLeft) this.#callers?.settle();
  }
}

/** Aborts its signal when the last of those who joined leaves without an answer. */
class WaitingCallers {
  #present = 0;
  readonly #canceller = new Canceller();

  get signal(): AbortSignal {
    return this.#canceller.signal;
  }

  join(): void {
    this.#present += 1;
  }

  /** With an answer. */
  settle(): void {
    this.#present -= 1;
  }

  /** Without an answer. */
  leave(): void {
    this.#present -= 1;
    if (this.#present === 0) this.#canceller.cancel(new RpcError('cancelled', 'The callers cancelled their calls'));
  }
}
