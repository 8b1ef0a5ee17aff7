import { type BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { endMessage, type Input, readTag, skipUnknown, toTag } from './reading.ts';

/** google.protobuf.Timestamp, whose wire form here is RFC 3339 text. */

const SECONDS = toTag(1, WireType.Varint);
const NANOS = toTag(2, WireType.Varint);
const NANOS_PER_MS = 1_000_000;
const NANOS_PER_SECOND = 1_000_000_000;

export function writeTimestamp(writer: BinaryWriter, value: unknown): void {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms)) throw new TypeError(`${String(value)} is no RFC 3339 text`);
  const seconds = Math.floor(ms / 1000);
  const nanos = (ms - seconds * 1000) * NANOS_PER_MS;
  if (seconds !== 0) writer.uint32(SECONDS).int64(seconds);
  if (nanos !== 0) writer.uint32(NANOS).int32(nanos);
}

/** A time that is finer than the contract's, or outside of RFC 3339, becomes a text that every schema refuses. */
export function readTimestamp(input: Input, end: number, known: unknown): string {
  // Merging would mix the seconds of one with the nanoseconds of the other.
  if (known !== undefined) throw new RangeError('a Timestamp occurs twice');
  const { reader } = input;
  let seconds = 0;
  let nanos = 0;
  while (reader.pos < end) {
    const tag = readTag(input);
    if (tag === SECONDS) seconds = Number(reader.int64());
    else if (tag === NANOS) nanos = reader.int32();
    else skipUnknown(input, tag, 2);
  }
  endMessage(input, end);
  return toText(seconds, nanos);
}

function toText(seconds: number, nanos: number): string {
  const ms = seconds * 1000 + nanos / NANOS_PER_MS;
  const isValid = nanos >= 0 && nanos < NANOS_PER_SECOND && Math.abs(ms) <= 8.64e15;
  if (!isValid) return `${seconds} s and ${nanos} ns since 1970`;
  if (nanos % NANOS_PER_MS === 0) return new Date(ms).toISOString();
  return new Date(seconds * 1000).toISOString().replace('000Z', `${String(nanos).padStart(9, '0')}Z`);
}
