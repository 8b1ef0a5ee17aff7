import type { Emit } from './call.ts';
import { RpcError } from './rpc-error.ts';

interface Waiting<T> {
  readonly item: T;
  readonly taken: PromiseWithResolvers<void>;
}

/**
 * The items of one call, as its caller iterates over them: `for await (const item of client.watch(params))`. One item waits at a time:
 * the peer sends the next one when the caller has taken it. Leaving the loop cancels the call.
 */
export class ItemStream<T> implements AsyncIterableIterator<T, undefined, undefined>, AsyncDisposable {
  readonly #start: (emit: Emit, closed: AbortSignal) => Promise<unknown>;
  readonly #closing = new AbortController();
  readonly #waiting: Waiting<T>[] = [];
  readonly #asked: PromiseWithResolvers<IteratorResult<T, undefined>>[] = [];
  #state: 'new' | 'open' | 'failed' | 'ended' = 'new';
  #error: unknown;

  /** @param start makes the call when the first item is asked for; `closed` aborts when the caller wants no more */
  constructor(start: (emit: Emit, closed: AbortSignal) => Promise<unknown>) {
    this.#start = start;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#state === 'new') this.#open();
    const waiting = this.#waiting.shift();
    if (waiting) {
      waiting.taken.resolve();
      return Promise.resolve({ done: false, value: waiting.item });
    }
    if (this.#state === 'failed') {
      this.#state = 'ended';
      return Promise.reject(this.#error);
    }
    if (this.#state === 'ended') return Promise.resolve(END);
    const asked = Promise.withResolvers<IteratorResult<T, undefined>>();
    this.#asked.push(asked);
    return asked.promise;
  }

  /** Cancels the call. */
  return(): Promise<IteratorResult<T, undefined>> {
    const left = leaving();
    this.#state = 'ended';
    for (const { taken } of this.#waiting.splice(0)) taken.reject(left);
    for (const asked of this.#asked.splice(0)) asked.resolve(END);
    this.#closing.abort(left);
    return Promise.resolve(END);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #open(): void {
    this.#state = 'open';
    const emit: Emit = (item) => this.#add(item as T);
    this.#start(emit, this.#closing.signal).then(
      () => this.#end('ended'),
      (error: unknown) => this.#end('failed', error),
    );
  }

  #add(item: T): Promise<void> {
    if (this.#state === 'ended') return Promise.reject(leaving());
    const asked = this.#asked.shift();
    if (asked) {
      asked.resolve({ done: false, value: item });
      return Promise.resolve();
    }
    const taken = Promise.withResolvers<void>();
    this.#waiting.push({ item, taken });
    return taken.promise;
  }

  #end(state: 'failed' | 'ended', error?: unknown): void {
    if (this.#state === 'ended') return;
    const [first, ...others] = this.#asked.splice(0);
    // Only one answer carries the failure, as of a generator.
    if (first && state === 'failed') first.reject(error);
    else first?.resolve(END);
    for (const asked of others) asked.resolve(END);
    this.#state = first ? 'ended' : state;
    this.#error = error;
  }
}

function leaving(): RpcError {
  return new RpcError('cancelled', 'The caller wants no more items');
}

const END: IteratorReturnResult<undefined> = { done: true, value: undefined };
