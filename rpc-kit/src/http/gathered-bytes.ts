/** A body that arrives byte by byte is fine as long as it is short. */
const SMALL_PIECES_MAX = 1_000;
/**
 * A piece costs a microsecond or two whatever its size, and chunks of one byte make a million of them. Networks deliver at least
 * 500 bytes at a time of what was sent as a whole.
 */
export const PIECE_BYTES_MIN = 256;

const NO_BYTES = new Uint8Array(0);

/** A body while it arrives, copied together: a list of its pieces would take a hundred bytes of memory and more for each. */
export class GatheredBytes {
  #room: Uint8Array = NO_BYTES;
  #pieces = 0;
  length = 0;

  add(piece: Uint8Array): void {
    const before = this.length;
    this.count(piece);
    if (before === 0) {
      this.#room = piece;
      return;
    }
    if (this.length > this.#room.length) this.#room = grown(this.#room.subarray(0, before), this.length);
    this.#room.set(piece, before);
  }

  /** Counts a piece that is not kept. */
  count(piece: Uint8Array): void {
    this.length += piece.length;
    this.#pieces += 1;
  }

  /** Whether the pieces are too many for their length. */
  get isShredded(): boolean {
    return this.#pieces > SMALL_PIECES_MAX + this.length / PIECE_BYTES_MIN;
  }

  /** All that was added. */
  bytes(): Uint8Array {
    return this.#room.subarray(0, this.length);
  }
}

/** The bytes with room for as many again. */
function grown(bytes: Uint8Array, length: number): Uint8Array {
  const larger = new Uint8Array(Math.max(length, 2 * bytes.length));
  larger.set(bytes);
  return larger;
}

/** The pieces as one. */
export function joinBytes(pieces: readonly Uint8Array[]): Uint8Array {
  const [first = NO_BYTES] = pieces;
  if (pieces.length <= 1) return first;
  const joined = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let end = 0;
  for (const piece of pieces) {
    joined.set(piece, end);
    end += piece.length;
  }
  return joined;
}
