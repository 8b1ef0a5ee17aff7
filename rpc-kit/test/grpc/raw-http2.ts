import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Frames of HTTP/2 (RFC 9113, section 4.1), for bytes that no client library sends. */

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export const TYPE = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const END_STREAM = 1;
export const END_HEADERS = 4;
export const ACK = 1;

export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A header block without compression (RFC 7541, section 6.2.2). */
export function headerBlock(headers: Readonly<Record<string, string>>): Buffer {
  const parts = Object.entries(headers).flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]);
  return Buffer.concat(parts);
}

/** RFC 7541, section 5.2: its length has a prefix of 7 bits. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  const length: number[] = [Math.min(bytes.length, 127)];
  for (let rest = bytes.length - 127; rest >= 0; rest = rest < 128 ? -1 : rest >> 7) {
    length.push(rest < 128 ? rest : (rest & 127) | 128);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

export function callHeaders(path: string, others: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    ':method': 'POST',
    ':scheme': 'http',
    ':path': path,
    ':authority': 'test',
    te: 'trailers',
    'content-type': 'application/grpc',
    ...others,
  };
}

export interface ReceivedFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A connection that sends any bytes and collects the frames of the answer. */
export class RawConnection implements Disposable {
  readonly #socket: Socket;
  readonly frames: ReceivedFrame[] = [];
  #rest: Buffer = Buffer.alloc(0);
  /** The server has closed its side. */
  isLeft = false;
  isClosed = false;

  /** @param closesToo whether it closes its side when the server has closed the other */
  constructor(port: number, closesToo = true) {
    this.#socket = connect({ port, host: '127.0.0.1', allowHalfOpen: !closesToo });
    this.#socket.on('end', () => {
      this.isLeft = true;
    });
    this.#socket.on('data', (part: Buffer) => this.#read(part));
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      this.isClosed = true;
    });
  }

  /** Resolves when the bytes are passed on, or the connection is closed. */
  async send(...parts: readonly Buffer[]): Promise<void> {
    if (this.#socket.write(Buffer.concat(parts))) return;
    await Promise.race([
      new Promise((resolve) => this.#socket.once('drain', resolve)),
      new Promise((resolve) => this.#socket.once('close', resolve)),
    ]);
  }

  /** Waits until a condition holds. */
  async until(what: string, holds: () => boolean, timeoutMs = 10_000): Promise<void> {
    const until = performance.now() + timeoutMs;
    while (!holds()) {
      if (performance.now() > until)
        throw new Error(`${what} did not come about: ${JSON.stringify(this.frames.slice(-5))}`);
      await sleep(5);
    }
  }

  /** The error code of the last GOAWAY. */
  get goawayCode(): number | undefined {
    return this.frames.findLast(({ type }) => type === TYPE.goaway)?.payload.readUInt32BE(4);
  }

  resetCodeOf(stream: number): number | undefined {
    const found = this.frames.find((received) => received.type === TYPE.rstStream && received.stream === stream);
    return found?.payload.readUInt32BE(0);
  }

  #read(part: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, part]);
    while (this.#rest.length >= 9) {
      const end = 9 + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < end) return;
      const stream = this.#rest.readUInt32BE(5) & 0x7fffffff;
      const [type = 0, flags = 0] = [this.#rest[3], this.#rest[4]];
      this.frames.push({ type, flags, stream, payload: this.#rest.subarray(9, end) });
      this.#rest = this.#rest.subarray(end);
    }
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
