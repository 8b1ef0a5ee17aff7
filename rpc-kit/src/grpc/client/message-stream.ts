import { GatheredBytes } from '../../http/gathered-bytes.ts';
import { type FramingFault, PREFIX_BYTES, type ReceivedMessage } from '../framing.ts';

const COMPRESSED = 1;

/** The messages of an answer that has any number of them, while they arrive. */
class MessageStream {
  readonly #bytesMax: number;
  #gathered = new GatheredBytes();

  /** @param bytesMax of one message as it is sent, compressed or not */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** @returns the messages that are complete now, or what is wrong: nothing is to be added afterwards */
  add(part: Buffer): readonly ReceivedMessage[] | FramingFault {
    this.#gathered.add(part);
    const bytes = this.#gathered.bytes();
    const messages: ReceivedMessage[] = [];
    let start = 0;
    while (bytes.length - start >= PREFIX_BYTES) {
      const flag = bytes[start] as number;
      if (flag > COMPRESSED) return 'wrong flag';
      const length = bytes.readUInt32BE(start + 1);
      if (length > this.#bytesMax) return 'too large';
      const end = start + PREFIX_BYTES + length;
      if (end > bytes.length) break;
      messages.push({ isCompressed: flag === COMPRESSED, bytes: bytes.subarray(start + PREFIX_BYTES, end) });
      start = end;
    }
    if (start > 0) {
      this.#gathered = new GatheredBytes();
      if (start < bytes.length) this.#gathered.add(bytes.subarray(start));
    }
    return this.#gathered.isShredded ? 'too many pieces' : messages;
  }

  /** @returns what is wrong when no byte follows */
  end(): FramingFault | undefined {
    return this.#gathered.length > 0 ? 'cut off' : undefined;
  }
}

/** How the stream of a call is held up and ended. */
export interface Flow {
  pause(): void;
  resume(): void;
  fail(error: unknown): void;
}

/** Passes messages on, one at a time. What comes behind them waits in the stream, whose window bounds it. */
export class MessageDelivery {
  readonly #messages: MessageStream;
  readonly #deliver: (message: ReceivedMessage) => Promise<void>;
  readonly #flow: Flow;
  /** While messages are being passed on. A stream may end meanwhile, although it is paused. */
  pending: Promise<void> | undefined;

  constructor(bytesMax: number, deliver: (message: ReceivedMessage) => Promise<void>, flow: Flow) {
    this.#messages = new MessageStream(bytesMax);
    this.#deliver = deliver;
    this.#flow = flow;
  }

  add(part: Buffer): FramingFault | undefined {
    const messages = this.#messages.add(part);
    if (typeof messages === 'string') return messages;
    if (messages.length > 0) this.pending = this.#deliverAll(messages);
    return undefined;
  }

  end(): FramingFault | undefined {
    return this.#messages.end();
  }

  async #deliverAll(messages: readonly ReceivedMessage[]): Promise<void> {
    this.#flow.pause();
    try {
      for (const message of messages) await this.#deliver(message);
      this.#flow.resume();
    } catch (error) {
      this.#flow.fail(error);
    } finally {
      this.pending = undefined;
    }
  }
}
