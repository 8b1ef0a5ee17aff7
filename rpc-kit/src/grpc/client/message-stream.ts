import { type FramingFault, MessageSplitter, type ReceivedMessage } from '../framing.ts';

/** How the stream of a call is held up and ended. */
export interface Flow {
  pause(): void;
  resume(): void;
  fail(error: unknown): void;
}

/** Passes messages on, one at a time. What comes behind them waits in the stream, whose window bounds it. */
export class MessageDelivery {
  readonly #messages: MessageSplitter;
  #arrived: ReceivedMessage[] = [];
  readonly #deliver: (message: ReceivedMessage) => Promise<void>;
  readonly #flow: Flow;
  /** While messages are being passed on. A stream may end meanwhile, although it is paused. */
  pending: Promise<void> | undefined;

  constructor(bytesMax: number, deliver: (message: ReceivedMessage) => Promise<void>, flow: Flow) {
    this.#messages = new MessageSplitter(bytesMax, (message) => this.#arrived.push(message));
    this.#deliver = deliver;
    this.#flow = flow;
  }

  add(part: Buffer): FramingFault | undefined {
    const fault = this.#messages.add(part);
    if (fault) return fault;
    const messages = this.#arrived;
    if (messages.length === 0) return undefined;
    this.#arrived = [];
    this.pending = this.#deliverAll(messages);
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
