import { randomFillSync } from 'node:crypto';

/** Each draw of random bytes costs more than the bytes, so hundreds of ids share one. */
const IDS_DRAWN = 512;

/** The lowest bytes of a trace id decide whether it is sampled: as many as a number holds exactly. */
export const DECIDING_BYTES = 6;

/** An id of zeros means none (W3C Trace Context, section 3.2.2.3). */
const NO_ID = '0'.repeat(32);

/** Random ids of a length, as OpenTelemetry writes them: in hexadecimal digits. */
export class RandomIds {
  readonly #length: number;
  readonly #bytes: Buffer;
  #at: number;

  /** @param length in bytes: 16 for traces, 8 for spans */
  constructor(length: number) {
    this.#length = length;
    this.#bytes = Buffer.alloc(IDS_DRAWN * length);
    this.#at = this.#bytes.length;
  }

  next(): string {
    this.#refill();
    const from = this.#at;
    this.#at += this.#length;
    const id = this.#bytes.toString('hex', from, this.#at);
    return NO_ID.startsWith(id) ? this.next() : id;
  }

  /** The deciding bytes of the id that `next` returns next, as a number. */
  peek(): number {
    this.#refill();
    return this.#bytes.readUIntBE(this.#at + this.#length - DECIDING_BYTES, DECIDING_BYTES);
  }

  #refill(): void {
    if (this.#at < this.#bytes.length) return;
    randomFillSync(this.#bytes);
    this.#at = 0;
  }
}
