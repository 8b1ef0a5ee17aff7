import { connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Measures how long this process's event loop is blocked at a time. */
export class EventLoopWatch implements Disposable {
  #longestMs = 0;
  #turnedAt = performance.now();
  #immediate = setImmediate(() => this.#turn());

  #turn(): void {
    const now = performance.now();
    this.#longestMs = Math.max(this.#longestMs, now - this.#turnedAt);
    this.#turnedAt = now;
    this.#immediate = setImmediate(() => this.#turn());
  }

  /** The longest time between two turns of the event loop during the work, in milliseconds. */
  async longestHold(work: () => Promise<unknown>): Promise<number> {
    await nextTurn();
    this.#longestMs = 0;
    await work();
    await nextTurn();
    return this.#longestMs;
  }

  [Symbol.dispose](): void {
    clearImmediate(this.#immediate);
  }
}

/** Sends the bytes and waits until the server has answered and closed the connection. */
export async function exchange(port: number, bytes: Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let head = '';
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    if (head === '') head = chunk.toString('latin1', 0, 64);
  });
  socket.write(bytes);
  await new Promise((resolve) => socket.once('close', resolve));
  return head;
}
