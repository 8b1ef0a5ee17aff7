import { type DescEnum, ScalarType } from '@bufbuild/protobuf';
import { type BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { fromWireInteger } from '../../schema/json.ts';
import type { Input } from './reading.ts';

/** One value of a field that is neither a list nor a message. */
export interface SingleValue {
  readonly wireType: WireType;
  /** The value of an absent field with implicit presence; `undefined` for an enum whose 0 means that the value is unspecified. */
  readonly zero: unknown;
  isZero(value: unknown): boolean;
  /** @returns `undefined` for an unspecified value */
  read(input: Input): unknown;
  /** @throws {TypeError} for a value of another type */
  write(writer: BinaryWriter, value: unknown): void;
}

/** The values of an enum's numbers. */
export type EnumValues = (type: DescEnum) => ReadonlyMap<number, string>;

/** −0 is a value of its own (https://protobuf.dev/programming-guides/field_presence/). */
const zeroIs = (zero: unknown) => ({ zero, isZero: (value: unknown) => Object.is(value, zero) });

const number = (name: 'uint32' | 'int32' | 'double', wireType: WireType): SingleValue => ({
  wireType,
  ...zeroIs(0),
  read: ({ reader }) => reader[name](),
  write(writer, value) {
    if (typeof value !== 'number') throw new TypeError(`${String(value)} is no number`);
    writer[name](value);
  },
});

const wideInteger = (name: 'int64' | 'uint64'): SingleValue => ({
  wireType: WireType.Varint,
  ...zeroIs(0),
  read({ reader }) {
    const exact = reader[name]() as bigint;
    const rounded = Number(exact);
    return Number.isSafeInteger(rounded) ? rounded : exact;
  },
  write(writer, value) {
    if (typeof value === 'number' && value >= 0 && value <= 0xffffffff && Number.isInteger(value)) {
      // The varint of such a number is the same, and needs no bigint.
      writer.uint32(value);
      return;
    }
    const exact = fromWireInteger(value);
    const wrapped = exact !== undefined && (name === 'int64' ? BigInt.asIntN(64, exact) : BigInt.asUintN(64, exact));
    if (exact === undefined || wrapped !== exact) throw new TypeError(`${String(value)} is no ${name}`);
    writer[name](exact);
  },
});

const text: SingleValue = {
  wireType: WireType.LengthDelimited,
  ...zeroIs(''),
  read: ({ reader }) => reader.string(true),
  write(writer, value) {
    if (typeof value !== 'string') throw new TypeError(`${String(value)} is no text`);
    writer.string(value);
  },
};

const bytes: SingleValue = {
  wireType: WireType.LengthDelimited,
  zero: new Uint8Array(0),
  isZero: (value) => value instanceof Uint8Array && value.length === 0,
  read: ({ reader }) => reader.bytes(),
  write(writer, value) {
    if (!(value instanceof Uint8Array)) throw new TypeError(`${String(value)} is no Uint8Array`);
    writer.bytes(value);
  },
};

const bool: SingleValue = {
  wireType: WireType.Varint,
  ...zeroIs(false),
  read: ({ reader }) => reader.bool(),
  write(writer, value) {
    if (typeof value !== 'boolean') throw new TypeError(`${String(value)} is no boolean`);
    writer.bool(value);
  },
};

const SCALARS: Partial<Record<ScalarType, SingleValue>> = {
  [ScalarType.UINT32]: number('uint32', WireType.Varint),
  [ScalarType.INT32]: number('int32', WireType.Varint),
  [ScalarType.DOUBLE]: number('double', WireType.Bit64),
  [ScalarType.INT64]: wideInteger('int64'),
  [ScalarType.UINT64]: wideInteger('uint64'),
  [ScalarType.STRING]: text,
  [ScalarType.BYTES]: bytes,
  [ScalarType.BOOL]: bool,
};

/** @throws {TypeError} for a type that no contract and none of the vendored files use */
export function scalarValue(type: ScalarType): SingleValue {
  const found = SCALARS[type];
  if (!found) throw new TypeError(`No codec for fields of the type ${ScalarType[type]}`);
  return found;
}

/** A number without a value remains a number, which no schema accepts. */
export function enumValue(type: DescEnum, enumValues: EnumValues = namesOf): SingleValue {
  const values = enumValues(type);
  const numbers = new Map([...values].map(([number, value]) => [value, number]));
  return {
    wireType: WireType.Varint,
    ...zeroIs(values.get(0)),
    read({ reader }) {
      const found = reader.int32();
      return values.get(found) ?? (found || undefined);
    },
    write(writer, value) {
      const found = numbers.get(value as string);
      if (found === undefined) throw new TypeError(`${String(value)} is no value of ${type.typeName}`);
      writer.int32(found);
    },
  };
}

const namesOf: EnumValues = ({ values }) => new Map(values.map(({ number: value, name }) => [value, name]));
