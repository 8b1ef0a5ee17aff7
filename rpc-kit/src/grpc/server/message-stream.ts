import { PREFIX_BYTES } from '../framing.ts';
import { inflate, toRefusal } from './incoming-message.ts';
import type { GrpcLimits } from './limits.ts';
import type { Receiver } from './router.ts';

/** Of health and reflection: the longest name of a service or a file has a tenth of it. */
const MESSAGE_BYTES_MAX = 4 * 1024;

/** Splits what a client sends into messages. */
export class MessageStream {
  readonly #receiver: Receiver;
  readonly #isGzip: boolean;
  readonly #limits: GrpcLimits;
  #rest: Buffer = Buffer.alloc(0);

  constructor(receiver: Receiver, isGzip: boolean, limits: GrpcLimits) {
    this.#receiver = receiver;
    this.#isGzip = isGzip;
    this.#limits = { ...limits, messageBytesMax: MESSAGE_BYTES_MAX };
  }

  /** @throws {RpcError} for bytes that are no messages */
  add(part: Buffer): void {
    let rest = this.#rest.length === 0 ? part : Buffer.concat([this.#rest, part]);
    while (rest.length >= PREFIX_BYTES) {
      const flag = rest[0] as number;
      const end = PREFIX_BYTES + rest.readUInt32BE(1);
      if (flag > 1) throw toRefusal('wrong flag', this.#limits);
      if (end - PREFIX_BYTES > MESSAGE_BYTES_MAX) throw toRefusal('too large', this.#limits);
      if (rest.length < end) break;
      const bytes = rest.subarray(PREFIX_BYTES, end);
      rest = rest.subarray(end);
      this.#receiver.message(flag === 1 ? inflate(bytes, this.#isGzip, this.#limits) : bytes);
    }
    this.#rest = rest;
  }

  /** @throws {RpcError} when the last message is not whole */
  end(): void {
    if (this.#rest.length > 0) throw toRefusal('cut off', this.#limits);
    this.#receiver.end();
  }

  closed(): void {
    this.#receiver.closed();
  }
}
