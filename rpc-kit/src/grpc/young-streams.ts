import type { Http2Session } from 'node:http2';

/**
 * node:http2 keeps the streams of a session in a Map and a Set. V8 replaces the table of either after a few changes, and an old table that
 * has survived a collection of garbage keeps all newer ones alive, with their streams and everything that these hold, until the next full
 * collection. That is half of the CPU time of a busy server (docs/decisions/0051). A list keeps nothing.
 *
 * The two have no public name: where they are not as in Node 26, the session stays as it is.
 * https://github.com/nodejs/node/blob/v26.x/lib/internal/http2/core.js
 * @returns whether the session keeps no streams that have ended
 */
export function keepStreamsYoung(session: Http2Session): boolean {
  const symbol = Object.getOwnPropertySymbols(session).find(({ description }) => description === 'state');
  const state = symbol && (session as unknown as Record<symbol, SessionState>)[symbol];
  if (typeof state?.streams?.get !== 'function' || typeof state.pendingStreams?.add !== 'function') return false;
  if (state.streams.size > 0) return false;
  const pending = new StreamList<object>();
  state.pendingStreams.forEach((stream) => {
    pending.add(stream);
  });
  state.streams = new StreamList<number>();
  state.pendingStreams = pending;
  return true;
}

interface SessionState {
  streams?: { readonly size: number; get(id: number): unknown };
  pendingStreams?: { add(stream: object): unknown; forEach(use: (stream: object) => void): void };
}

/** What node:http2 uses of a Map and of a Set. The number of streams of a session is limited to hundreds. */
class StreamList<Key> {
  readonly #keys: Key[] = [];
  readonly #streams: unknown[] = [];

  get size(): number {
    return this.#keys.length;
  }

  get(key: Key): unknown {
    const index = this.#keys.indexOf(key);
    return index < 0 ? undefined : this.#streams[index];
  }

  set(key: Key, stream: unknown): this {
    const index = this.#keys.indexOf(key);
    if (index < 0) {
      this.#keys.push(key);
      this.#streams.push(stream);
    } else this.#streams[index] = stream;
    return this;
  }

  add(stream: Key): this {
    return this.set(stream, stream);
  }

  delete(key: Key): boolean {
    const index = this.#keys.indexOf(key);
    if (index < 0) return false;
    const lastKey = this.#keys.pop() as Key;
    const lastStream = this.#streams.pop();
    if (index < this.#keys.length) {
      this.#keys[index] = lastKey;
      this.#streams[index] = lastStream;
    }
    return true;
  }

  /** Over those of now: a stream that is destroyed meanwhile deletes itself. */
  forEach(use: (stream: never) => void): void {
    for (const stream of [...this.#streams]) use(stream as never);
  }
}
