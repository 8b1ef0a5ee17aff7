import { connect } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import type { Shot } from './shot.ts';

export interface Delivered {
  /** Everything that was answered on the connection. */
  readonly bytes: Buffer;
  /** Whether the connection was cut, by either side, so that the last answer may lack its end. */
  readonly cut: boolean;
  /** Whether our side did not wait until the server had closed the connection. */
  readonly left: boolean;
  /** Whether the server held the connection though its other end was closed and no method takes so long. */
  readonly held: boolean;
}

/** Longer than the slowest method takes. After so long without a byte, the server waits for us, so we end. */
const QUIET_MS = 150;
/** So long the server may take to notice that, on a machine that is busy with much else. */
const HELD_MS = 30_000;

/** Fires one shot at the server, on a connection of its own. It never rejects. */
export function deliver(port: number, { parts, ending }: Shot): Promise<Delivered> {
  const { promise, resolve } = Promise.withResolvers<Delivered>();
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const chunks: Buffer[] = [];
  let cut = ending !== 'wait';
  let left = cut;
  let held = false;
  const giveUp = (): void => {
    held = true;
    socket.destroy();
  };
  let timer = setTimeout(() => {}, 0);
  const onQuiet = (): void => {
    // A sender that ends while an answer is in flight gets none, so a partial answer is no fault.
    cut = true;
    left = true;
    socket.end();
    timer = setTimeout(giveUp, HELD_MS);
  };
  timer = setTimeout(onQuiet, QUIET_MS);
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    timer.refresh();
  });
  socket.on('error', () => {
    cut = true;
  });
  socket.once('close', () => {
    clearTimeout(timer);
    resolve({ bytes: Buffer.concat(chunks), cut, left, held });
  });
  socket.once('connect', async () => {
    for (const part of parts) {
      if (part.length > 0) socket.write(part);
      await turn();
    }
    if (ending === 'end') socket.end();
    if (ending === 'reset') socket.resetAndDestroy();
  });
  return promise;
}
