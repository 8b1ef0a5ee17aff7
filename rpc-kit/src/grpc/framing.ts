import { GatheredBytes } from '../http/gathered-bytes.ts';

/** Before each message: a byte that says whether it is compressed, then its length (PROTOCOL-HTTP2.md of grpc, Length-Prefixed-Message). */
export const PREFIX_BYTES = 5;

const COMPRESSED = 1;

/** A message as it is sent. */
export function frameMessage(message: Uint8Array, isCompressed = false): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  frame[0] = isCompressed ? COMPRESSED : 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

/** What is wrong with the bytes of one side of a unary call. */
export type FramingFault = 'wrong flag' | 'too large' | 'too many pieces' | 'cut off' | 'more than one message';

export interface ReceivedMessage {
  readonly isCompressed: boolean;
  readonly bytes: Uint8Array;
}

/** The one message of a side of a unary call, while it arrives. */
export class UnaryMessage {
  readonly #gathered = new GatheredBytes();
  readonly #bytesMax: number;
  #length: number | undefined;

  /** @param bytesMax of the message as it is sent, compressed or not */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes that are kept for it. */
  get length(): number {
    return this.#gathered.length;
  }

  /** @returns what is wrong, as early as it shows: nothing is to be added afterwards */
  add(part: Buffer): FramingFault | undefined {
    const gathered = this.#gathered;
    gathered.add(part);
    if (this.#length === undefined && gathered.length >= PREFIX_BYTES) {
      const prefix = gathered.bytes();
      if ((prefix[0] as number) > COMPRESSED) return 'wrong flag';
      this.#length = prefix.readUInt32BE(1);
      if (this.#length > this.#bytesMax) return 'too large';
    }
    if (gathered.length > PREFIX_BYTES + (this.#length ?? 0)) return 'more than one message';
    return gathered.isShredded ? 'too many pieces' : undefined;
  }

  /** @returns the message, or `undefined` when no byte arrived: an answer with an error alone has no message */
  end(): ReceivedMessage | FramingFault | undefined {
    const bytes = this.#gathered.bytes();
    if (bytes.length === 0) return undefined;
    if (this.#length === undefined || bytes.length < PREFIX_BYTES + this.#length) return 'cut off';
    return { isCompressed: bytes[0] === COMPRESSED, bytes: bytes.subarray(PREFIX_BYTES) };
  }
}
