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
      this.#length = lengthAt(prefix, 1);
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

function lengthAt(bytes: Uint8Array, index: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(index);
}

/** Any number of messages, while they arrive. */
export class MessageSplitter {
  readonly #bytesMax: number;
  readonly #onMessage: (message: ReceivedMessage) => void;
  #gathered = new GatheredBytes();

  /**
   * @param bytesMax of one message as it is sent, compressed or not
   * @param onMessage called for each message that is whole
   */
  constructor(bytesMax: number, onMessage: (message: ReceivedMessage) => void) {
    this.#bytesMax = bytesMax;
    this.#onMessage = onMessage;
  }

  /** @returns what is wrong: nothing is to be added afterwards */
  add(part: Buffer): FramingFault | undefined {
    this.#gathered.add(part);
    const bytes = this.#gathered.bytes();
    let start = 0;
    while (bytes.length - start >= PREFIX_BYTES) {
      const flag = bytes[start] as number;
      if (flag > COMPRESSED) return 'wrong flag';
      const length = lengthAt(bytes, start + 1);
      if (length > this.#bytesMax) return 'too large';
      const end = start + PREFIX_BYTES + length;
      if (end > bytes.length) break;
      this.#onMessage({ isCompressed: flag === COMPRESSED, bytes: bytes.subarray(start + PREFIX_BYTES, end) });
      start = end;
    }
    if (start > 0) {
      this.#gathered = new GatheredBytes();
      if (start < bytes.length) this.#gathered.add(bytes.subarray(start));
    }
    return this.#gathered.isShredded ? 'too many pieces' : undefined;
  }

  /** @returns what is wrong when no byte follows */
  end(): FramingFault | undefined {
    return this.#gathered.length > 0 ? 'cut off' : undefined;
  }
}
