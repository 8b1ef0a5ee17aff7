import type { Call } from '../call.ts';
import { abortReason, onAbort } from '../deadline.ts';

/**
 * Micro-batching: calls of one method of a peer that are made in one turn of the event loop travel as one JSON-RPC batch. A
 * connection and a parse are shared, which is most of what a small call costs; the calls know nothing of each other.
 *
 * Servers of this kit send each answer as it comes; other servers answer a batch when its slowest call is answered. Hence a batch
 * holds calls of one method, which take about as long as each other.
 */
export interface BatchLimits {
  /** Calls in one batch; servers of this kit take 50. */
  readonly callsMax: number;
  /** Characters of one batch: it stays well below the body that a server takes, also where each takes three bytes. */
  readonly lengthMax: number;
}

export const BATCH_LIMITS = { callsMax: 50, lengthMax: 256 * 1024 } as const satisfies BatchLimits;

/** Not 0, which a careless server takes for no id at all. */
export const FIRST_ID = 1;

/** How fast a batch may become larger again: a peer that takes no batches at all is asked to about once in eight calls. */
const GROWTH = 1.1;

/** A call that waits for its batch, and for its answer. */
export interface BatchedCall {
  readonly call: Call;
  /** Tells the calls of one batch apart. */
  readonly id: number;
  /** The call as JSON text, with that id. Built when it is asked for: a call that is alone travels without it. */
  readonly text: () => string;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

export interface Batcher {
  /** Settles with the call's own answer, or rejects with its signal's reason as soon as that aborts. */
  add(call: Call, toText: (id: number) => string): Promise<unknown>;
}

/**
 * @param send carries a batch out and settles each of its calls; its signal aborts when nobody waits for any of them
 * any more, and not before: one caller that leaves takes nothing from the others. It gives the number of calls that had to be sent
 * again alone, and the next batches become smaller by as many, so that the peer does not do most of its work twice.
 */
export function createBatcher(
  limits: BatchLimits,
  send: (batch: readonly BatchedCall[], signal: AbortSignal) => Promise<number>,
): Batcher {
  let { callsMax } = limits;
  let waiting: BatchedCall[] = [];
  let length = 0;
  let abandoned = new Abandonment();

  function flush(): void {
    if (waiting.length === 0) return;
    // Whoever has left already is not worth the peer's work.
    const batch = waiting.filter(({ call }) => !call.signal.aborted);
    const { signal } = abandoned;
    waiting = [];
    length = 0;
    abandoned = new Abandonment();
    if (batch.length === 0) return;
    send(batch, signal).then(
      (repeats) => adapt(batch.length, repeats),
      (error) => {
        for (const { reject } of batch) reject(error);
      },
    );
  }

  function adapt(calls: number, repeats: number): void {
    if (repeats > 0) callsMax = Math.max(1, calls - repeats);
    else if (calls >= Math.floor(callsMax)) callsMax = Math.min(limits.callsMax, callsMax * GROWTH);
  }

  return {
    add(call, toText) {
      const id = FIRST_ID + waiting.length;
      let text = lazily(() => toText(id));
      if (waiting.length > 0) {
        // How long the first one is matters only now that it has company.
        if (waiting.length === 1) length = waiting[0]?.text().length ?? 0;
        length += text().length;
        if (length > limits.lengthMax) {
          flush();
          text = lazily(() => toText(FIRST_ID));
        }
      }
      // The end of this turn: by then every callback of the turn has made its calls.
      if (waiting.length === 0) setImmediate(flush);
      const answered = enlist(call, text, waiting, abandoned);
      if (waiting.length >= Math.floor(callsMax)) flush();
      return answered;
    },
  };
}

function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function enlist(
  call: Call,
  text: BatchedCall['text'],
  waiting: BatchedCall[],
  abandoned: Abandonment,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let hasLeft = false;
    const leave = (): void => {
      hasLeft = true;
      reject(abortReason(call.signal));
      abandoned.leave();
    };
    const unfollow = onAbort(call.signal, leave);
    const settled = (): void => {
      unfollow();
      if (!hasLeft) abandoned.part();
    };
    abandoned.join();
    waiting.push({
      call,
      id: FIRST_ID + waiting.length,
      text,
      resolve(result) {
        settled();
        resolve(result);
      },
      reject(error) {
        settled();
        reject(error);
      },
    });
  });
}

/** Aborts its signal when the last of those who joined leaves without an answer. */
class Abandonment {
  #present = 0;
  readonly #controller = new AbortController();

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  join(): void {
    this.#present += 1;
  }

  /** With an answer. */
  part(): void {
    this.#present -= 1;
  }

  /** Without an answer. */
  leave(): void {
    this.#present -= 1;
    if (this.#present === 0) this.#controller.abort();
  }
}
