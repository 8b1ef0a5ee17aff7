import { type FramingFault, MessageSplitter } from '../framing.ts';
import { inflate, toRefusal } from './incoming-message.ts';
import type { GrpcLimits } from './limits.ts';
import type { Receiver } from './router.ts';

/** Of health and reflection: the longest name of a service or a file has a tenth of it. */
const MESSAGE_BYTES_MAX = 4 * 1024;

/** Splits what a client sends into messages. */
export class MessageStream {
  readonly #receiver: Receiver;
  readonly #limits: GrpcLimits;
  readonly #messages: MessageSplitter;

  constructor(receiver: Receiver, isGzip: boolean, limits: GrpcLimits) {
    this.#receiver = receiver;
    this.#limits = { ...limits, messageBytesMax: MESSAGE_BYTES_MAX };
    this.#messages = new MessageSplitter(MESSAGE_BYTES_MAX, ({ isCompressed, bytes }) =>
      receiver.message(isCompressed ? inflate(bytes, isGzip, this.#limits) : bytes),
    );
  }

  /** @throws {RpcError} for bytes that are no messages */
  add(part: Buffer): void {
    this.#refuse(this.#messages.add(part));
  }

  /** @throws {RpcError} when the last message is not whole */
  end(): void {
    this.#refuse(this.#messages.end());
    this.#receiver.end();
  }

  closed(): void {
    this.#receiver.closed();
  }

  #refuse(fault: FramingFault | undefined): void {
    if (fault) throw toRefusal(fault, this.#limits);
  }
}
