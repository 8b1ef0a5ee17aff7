import type { DescMessage } from '@bufbuild/protobuf';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { RpcError } from '../../rpc-error.ts';
import { compileMessage } from './compiled-message.ts';
import type { EnumValues } from './single-values.ts';

/** Encodes and decodes one type of message; values are in wire form (`z.input`), as JSON has them. */
export interface MessageCodec {
  /** @throws {TypeError} for a value that is no wire form of the message */
  encode(value: unknown): Uint8Array;
  /** @throws {RpcError} invalid_request for bytes that are no such message */
  decode(bytes: Uint8Array): unknown;
}

/**
 * Fields and elements of one message, as in one JSON body: a megabyte of bytes holds half a million, and each may take a microsecond
 * to read and validate.
 */
const VALUES_MAX = 30_000;

/** Kept from one message to the next: a new one takes as long as a small message. */
let spareWriter: BinaryWriter | undefined;
/** A writer keeps its buffer, so one that has written a large message is dropped. */
const SPARE_BYTES_MAX = 64 * 1024;

/**
 * Compiles a codec. Members have the fields' JSON names, and a Timestamp is RFC 3339 text. An absent field with implicit presence has
 * its zero value, other absent fields have no member. Unknown fields are ignored.
 * @param enumValues default: the names in the descriptor
 */
export function createMessageCodec(message: DescMessage, enumValues?: EnumValues): MessageCodec {
  const { write, read } = compileMessage(message, enumValues);
  return {
    encode(value) {
      const writer = spareWriter ?? new BinaryWriter();
      // A writer that a wrong value has interrupted is not used again.
      spareWriter = undefined;
      write(writer, value);
      const bytes = writer.finish();
      if (bytes.length <= SPARE_BYTES_MAX) spareWriter = writer;
      return bytes;
    },
    decode(bytes) {
      try {
        return read({ bytes, reader: new BinaryReader(bytes), valuesLeft: VALUES_MAX }, bytes.length);
      } catch (cause) {
        const problem = cause instanceof Error ? cause.message : String(cause);
        throw new RpcError('invalid_request', `The bytes are no ${message.typeName}: ${problem}`, { cause });
      }
    },
  };
}
