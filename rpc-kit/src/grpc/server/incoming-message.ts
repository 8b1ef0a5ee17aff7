import { gunzipSync } from 'node:zlib';
import { RpcError } from '../../rpc-error.ts';
import { overloaded } from '../../serving/load-shedding.ts';
import { type FramingFault, UnaryMessage } from '../framing.ts';
import { ACCEPTED_ENCODINGS } from '../metadata.ts';
import { GrpcRefusal } from '../status.ts';
import { GRPC_STATUS } from '../status-code.ts';
import type { GrpcLimits } from './limits.ts';

/** Numbers that gRPC assigns to these faults (statuscodes.md and PROTOCOL-HTTP2.md of grpc); each is our `invalid_request`. */
const { resource_exhausted: RESOURCE_EXHAUSTED, unimplemented: UNIMPLEMENTED, internal: INTERNAL } = GRPC_STATUS;

/** All messages of a server that are arriving. */
export interface ArrivingBytes {
  total: number;
}

/** The message of a call while it arrives, within the limits. */
export class IncomingMessage {
  readonly #message: UnaryMessage;
  readonly #isGzip: boolean;
  readonly #limits: GrpcLimits;
  readonly #arriving: ArrivingBytes;
  #counted = 0;

  /** @throws {RpcError} unimplemented for an encoding that is not accepted */
  constructor(encoding: string | undefined, limits: GrpcLimits, arriving: ArrivingBytes) {
    this.#isGzip = isGzip(encoding);
    this.#limits = limits;
    this.#arriving = arriving;
    this.#message = new UnaryMessage(limits.messageBytesMax);
  }

  /** @throws {RpcError} as soon as the message is beyond a limit */
  add(part: Buffer): void {
    const fault = this.#message.add(part);
    if (fault) throw toRefusal(fault, this.#limits);
    this.#counted += part.length;
    this.#arriving.total += part.length;
    if (this.#arriving.total > this.#limits.arrivingBytesMax) throw overloaded();
  }

  /** @throws {RpcError} for a message that is not whole or cannot be inflated */
  take(): Uint8Array {
    const message = this.#message.end();
    this.release();
    if (message === undefined)
      throw new GrpcRefusal(UNIMPLEMENTED, 'The method takes one message: send one, even when it is empty');
    if (typeof message === 'string') throw toRefusal(message, this.#limits);
    if (!message.isCompressed) return message.bytes;
    return inflate(message.bytes, this.#isGzip, this.#limits);
  }

  /** Its bytes are no longer kept for it. */
  release(): void {
    this.#arriving.total -= this.#counted;
    this.#counted = 0;
  }
}

/** @throws {GrpcRefusal} for a message that is too large, or no gzip */
export function inflate(bytes: Uint8Array, isGzip: boolean, limits: GrpcLimits): Uint8Array {
  if (!isGzip) throw new GrpcRefusal(INTERNAL, 'The message is compressed, but its call has no grpc-encoding');
  try {
    // A thread of the pool costs more than the few kilobytes of a call, and the limit bounds how long this takes.
    return gunzipSync(bytes, { maxOutputLength: limits.messageBytesMax });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw toRefusal('too large', limits);
    throw new GrpcRefusal(INTERNAL, 'The message cannot be inflated: it is no gzip');
  }
}

/** @throws {RpcError} unimplemented for an encoding that is not accepted */
export function isGzip(encoding: string | undefined): boolean {
  if (encoding === undefined || encoding === 'identity') return false;
  if (encoding === 'gzip') return true;
  throw new RpcError('unimplemented', `Send messages with grpc-encoding ${ACCEPTED_ENCODINGS.replace(',', ' or ')}`);
}

export function toRefusal(fault: FramingFault, { messageBytesMax }: GrpcLimits): GrpcRefusal {
  switch (fault) {
    case 'too large':
      return new GrpcRefusal(RESOURCE_EXHAUSTED, `The message is larger than ${messageBytesMax} bytes`);
    case 'more than one message':
      return new GrpcRefusal(UNIMPLEMENTED, 'The method takes one message, and more than one was sent');
    case 'wrong flag':
      return new GrpcRefusal(INTERNAL, 'The first byte of a message must be 0, or 1 for a compressed one');
    case 'too many pieces':
      return new GrpcRefusal(INTERNAL, 'The message arrives in too many pieces: send at least 256 bytes at a time');
    case 'cut off':
      return new GrpcRefusal(INTERNAL, 'The stream ended before the message was complete');
  }
}
