import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import type { Conversation } from './conversation.ts';

export interface Heard {
  readonly text: string;
  /** Whether the server ended the connection before our side did, or held it although our side had ended. */
  readonly ending: 'by the server' | 'by us' | 'held';
}

/** The server has this long to notice that our side has ended. */
const HELD_MS = 10_000;

/** Has one conversation with a server. It never rejects. @param quietMs after so long without a byte no further answer is awaited */
export async function converse(port: number, { steps, halfCloses }: Conversation, quietMs: number): Promise<Heard> {
  const heard = new Hearing(connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true }));
  const { socket } = heard;
  let answers = 0;
  for (const [index, { requests, parts }] of steps.entries()) {
    for (const part of parts) {
      if (heard.hasEnded) break;
      if (part.length > 0) socket.write(part);
      await turn();
    }
    answers += requests;
    if (index < steps.length - 1 || !halfCloses) await heard.answers(answers, quietMs);
  }
  // An end arrives just after the last answer.
  if (!halfCloses && !heard.hasEnded) await sleep(quietMs);
  const ending = heard.hasEnded ? 'by the server' : 'by us';
  socket.end();
  const closed = await Promise.race([heard.closed, sleep(HELD_MS, 'held' as const, { ref: false })]);
  socket.destroy();
  // After a half-close both sides end, and which of them was first depends on the moment.
  return { text: heard.text, ending: closed === 'held' ? 'held' : halfCloses ? 'by us' : ending };
}

class Hearing {
  readonly socket: Socket;
  readonly closed: Promise<unknown>;
  text = '';
  hasEnded = false;
  #heardAt = performance.now();

  constructor(socket: Socket) {
    this.socket = socket;
    const end = (): void => {
      this.hasEnded = true;
    };
    socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1');
      this.#heardAt = performance.now();
    });
    socket.on('error', end);
    socket.on('end', end);
    this.closed = once(socket, 'close').catch(() => undefined);
    socket.on('close', end);
  }

  /** Waits for so many answers in all, or until nothing has come for a while. */
  async answers(count: number, quietMs: number): Promise<void> {
    this.#heardAt = performance.now();
    while (!this.hasEnded && this.#count() < count && performance.now() - this.#heardAt < quietMs) await sleep(1);
  }

  /** Status lines, those of interim answers excepted. */
  #count(): number {
    return this.text.split(/HTTP\/1\.1 [2-5]/).length - 1;
  }
}
