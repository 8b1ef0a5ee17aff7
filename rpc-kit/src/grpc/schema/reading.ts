import { type BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** A message that is being read. */
export interface Input {
  readonly bytes: Uint8Array;
  readonly reader: BinaryReader;
  /** How many more fields and elements it may have. */
  valuesLeft: number;
}

/** The default of other implementations, too. Only groups nest without a schema. */
const GROUP_DEPTH_MAX = 100;

export function toTag(fieldNumber: number, wireType: WireType): number {
  return ((fieldNumber << 3) | wireType) >>> 0;
}

/** Reads the tag of the next field, and counts the field. */
export function readTag(input: Input): number {
  countValue(input);
  const { bytes, reader } = input;
  const first = bytes[reader.pos] as number;
  if (first < 0x80) {
    reader.pos += 1;
    return first;
  }
  const [fieldNumber, wireType] = reader.tag();
  return toTag(fieldNumber, wireType);
}

export function countValue(input: Input): void {
  input.valuesLeft -= 1;
  if (input.valuesLeft < 0) throw new RangeError('it has too many fields');
}

/** Reads the length of what follows. */
export function readEnd({ reader }: Input, limit: number): number {
  const end = reader.uint32() + reader.pos;
  if (end > limit) throw new RangeError('a length exceeds what is left');
  return end;
}

/** @throws {RangeError} when the last field went beyond the end of its message */
export function endMessage({ reader }: Input, end: number): void {
  if (reader.pos !== end) throw new RangeError('a field exceeds its message');
}

export function wrongType(fieldNumber: number, wireType: WireType): RangeError {
  return new RangeError(`field ${fieldNumber} has the wire type ${wireType}`);
}

/** Skips a field of a message whose fields 1 to `known` have other tags. */
export function skipUnknown(input: Input, tag: number, known: number): void {
  if (tag >>> 3 <= known && tag >>> 3 > 0) throw wrongType(tag >>> 3, tag & 7);
  skipField(input, tag);
}

/** Skips the value of an unknown field. */
export function skipField(input: Input, tag: number, depthLeft = GROUP_DEPTH_MAX): void {
  const fieldNumber = tag >>> 3;
  if (fieldNumber === 0) throw new RangeError('a field has the number 0');
  if ((tag & 7) !== WireType.StartGroup) {
    input.reader.skip(tag & 7);
    return;
  }
  if (depthLeft === 0) throw new RangeError(`groups are nested more than ${GROUP_DEPTH_MAX} deep`);
  while (input.reader.pos < input.bytes.length) {
    const inner = readTag(input);
    if ((inner & 7) !== WireType.EndGroup) skipField(input, inner, depthLeft - 1);
    else if (inner >>> 3 === fieldNumber) return;
    else throw new RangeError('a group ends with another number than it began with');
  }
  throw new RangeError('a group has no end');
}
