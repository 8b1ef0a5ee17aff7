interface Slot {
  text: string;
  bytes: number;
  evicted: (() => string) | undefined;
  isTaken: boolean;
}

/**
 * The answers of one batch as JSON text, within a number of bytes. When an answer arrives that has
 * no room, the largest answers of reads are evicted: the fewest callers have to ask again, and no more is held than is sent.
 * Only the answers of writes can make the list larger than the limit, because they can be had nowhere else.
 */
export class BatchAnswers {
  readonly #bytesMax: number;
  readonly #slots: (Slot | undefined)[] = [];
  /** The two brackets; each answer adds its comma. */
  #bytes = 2;
  #hasBegun = false;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** @param evicted makes the answer that stands in place of an evicted one; without it, the answer is never evicted */
  put(index: number, text: string, evicted?: () => string): void {
    const bytes = Buffer.byteLength(text) + 1;
    this.#slots[index] = { text, bytes, evicted, isTaken: false };
    this.#bytes += bytes;
    while (this.#bytes > this.#bytesMax && this.#evictLargest());
  }

  /** The next part of the list: every answer that is there and has not been taken, in the order of the calls; maybe ''. */
  take(): string {
    const texts: string[] = [];
    for (const slot of this.#slots) {
      if (!slot || slot.isTaken) continue;
      texts.push(slot.text);
      slot.isTaken = true;
      slot.text = '';
      slot.evicted = undefined;
    }
    if (texts.length === 0) return '';
    const opening = this.#hasBegun ? ',' : '[';
    this.#hasBegun = true;
    return opening + texts.join(',');
  }

  /** The rest of the list, `undefined` without any answer. */
  takeRest(): string | undefined {
    const rest = this.take();
    return this.#hasBegun ? `${rest}]` : undefined;
  }

  /** @returns whether there was an answer left to evict */
  #evictLargest(): boolean {
    let largest: Slot | undefined;
    for (const slot of this.#slots) if (slot?.evicted && slot.bytes > (largest?.bytes ?? 0)) largest = slot;
    if (!largest?.evicted) return false;
    const text = largest.evicted();
    const bytes = Buffer.byteLength(text) + 1;
    largest.evicted = undefined;
    // An answer that is no longer than what would stand in its place stays.
    if (bytes >= largest.bytes) return true;
    this.#bytes += bytes - largest.bytes;
    largest.text = text;
    largest.bytes = bytes;
    return true;
  }
}
