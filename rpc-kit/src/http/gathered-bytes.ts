/** A body that arrives byte by byte is fine as long as it is short. */
const SMALL_PIECES_MAX = 1_000;
/**
 * A piece costs a microsecond or two whatever its size, and chunks of one byte make a million of them. Networks deliver at least
 * 500 bytes at a time of what was sent as a whole.
 */
export const PIECE_BYTES_MIN = 256;

const NO_BYTES = Buffer.alloc(0);

/** A body while it arrives, copied together: a list of its pieces would take a hundred bytes of memory and more for each. */
export class GatheredBytes {
  #room: Buffer = NO_BYTES;
  #pieces = 0;
  length = 0;

  add(piece: Buffer): void {
    const before = this.length;
    this.count(piece);
    if (before === 0) {
      this.#room = piece;
      return;
    }
    if (this.length > this.#room.length) this.#room = grown(this.#room.subarray(0, before), this.length);
    piece.copy(this.#room, before);
  }

  /** Counts a piece that is not kept. */
  count(piece: Buffer): void {
    this.length += piece.length;
    this.#pieces += 1;
  }

  /** Whether the pieces are too many for their length. */
  get isShredded(): boolean {
    return this.#pieces > SMALL_PIECES_MAX + this.length / PIECE_BYTES_MIN;
  }

  /** All that was added. */
  bytes(): Buffer {
    return this.#room.subarray(0, this.length);
  }
}

/** The bytes with room for as many again. */
function grown(bytes: Buffer, length: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * bytes.length));
  bytes.copy(larger);
  return larger;
}
