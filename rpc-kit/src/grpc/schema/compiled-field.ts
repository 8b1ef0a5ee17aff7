import { type DescField, type DescMessage, type DescOneof, ScalarType } from '@bufbuild/protobuf';
import { type BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { FeatureSet_FieldPresence as Presence } from '@bufbuild/protobuf/wkt';
import type { CompiledMessage } from './compiled-message.ts';
import { countValue, endMessage, type Input, readEnd, readTag, skipUnknown, toTag, wrongType } from './reading.ts';
import { type EnumValues, enumValue, type SingleValue, scalarValue } from './single-values.ts';
import { readTimestamp, writeTimestamp } from './timestamps.ts';

/** A message in wire form. */
export type Members = Record<string, unknown>;

export interface CompiledField {
  readonly number: number;
  readonly name: string;
  /** The member of an absent field, if it has one. */
  readonly blank?: () => unknown;
  write(writer: BinaryWriter, members: Members): void;
  read(input: Input, end: number, wireType: WireType, target: Members): void;
}

type CompileNested = (message: DescMessage) => CompiledMessage;

export function compileField(field: DescField, compileNested: CompileNested, enumValues?: EnumValues): CompiledField {
  switch (field.fieldKind) {
    case 'scalar':
      return withOneof(field.oneof, singleField(field, scalarValue(field.scalar)));
    case 'enum':
      return withOneof(field.oneof, singleField(field, enumValue(field.enum, enumValues)));
    case 'message':
      return withOneof(field.oneof, messageField(field, messageValue(field.message, compileNested)));
    case 'list':
      if (field.listKind === 'message') return messageList(field, messageValue(field.message, compileNested));
      return singleList(
        field,
        field.listKind === 'enum' ? enumValue(field.enum, enumValues) : scalarValue(field.scalar),
      );
    case 'map':
      return textMap(field);
  }
}

/** Writes and reads the bytes of a message, without their length. */
type MessageValue = Pick<CompiledMessage, 'write'> & {
  read(input: Input, end: number, known: unknown): unknown;
};

function messageValue(message: DescMessage, compileNested: CompileNested): MessageValue {
  if (message.typeName === 'google.protobuf.Timestamp') return { write: writeTimestamp, read: readTimestamp };
  const { write, read } = compileNested(message);
  return { write, read: (input, end, known) => read(input, end, known as Members | undefined) };
}

function singleField(field: DescField, value: SingleValue): CompiledField {
  const { number, jsonName: name } = field;
  const { zero } = value;
  const isImplicit = field.presence === Presence.IMPLICIT;
  const tag = toTag(number, value.wireType);
  return {
    number,
    name,
    ...(isImplicit && zero !== undefined && { blank: () => zero }),
    write(writer, members) {
      const member = members[name];
      if (member === undefined || (isImplicit && value.isZero(member))) return;
      writer.uint32(tag);
      value.write(writer, member);
    },
    read(input, _end, wireType, target) {
      if (wireType !== value.wireType) throw wrongType(number, wireType);
      const found = value.read(input);
      if (found === undefined) delete target[name];
      else target[name] = found;
    },
  };
}

function messageField(field: DescField, value: MessageValue): CompiledField {
  const { number, jsonName: name } = field;
  const tag = toTag(number, WireType.LengthDelimited);
  return {
    number,
    name,
    write(writer, members) {
      const member = members[name];
      if (member === undefined) return;
      writer.uint32(tag).fork();
      value.write(writer, member);
      writer.join();
    },
    read(input, end, wireType, target) {
      if (wireType !== WireType.LengthDelimited) throw wrongType(number, wireType);
      target[name] = value.read(input, readEnd(input, end), target[name]);
    },
  };
}

function messageList(field: DescField, value: MessageValue): CompiledField {
  const { number, jsonName: name } = field;
  const tag = toTag(number, WireType.LengthDelimited);
  return {
    number,
    name,
    blank: () => [],
    write(writer, members) {
      for (const element of elementsOf(members, name)) {
        writer.uint32(tag).fork();
        value.write(writer, element);
        writer.join();
      }
    },
    read(input, end, wireType, target) {
      if (wireType !== WireType.LengthDelimited) throw wrongType(number, wireType);
      (target[name] as unknown[]).push(value.read(input, readEnd(input, end), undefined));
    },
  };
}

/** Lists of numbers are written packed, and read packed or not (https://protobuf.dev/programming-guides/encoding/#packed). */
function singleList(field: DescField, value: SingleValue): CompiledField {
  const { number, jsonName: name } = field;
  const isPackable = value.wireType !== WireType.LengthDelimited;
  const tag = toTag(number, WireType.LengthDelimited);
  return {
    number,
    name,
    blank: () => [],
    write(writer, members) {
      const elements = elementsOf(members, name);
      if (elements.length === 0) return;
      if (isPackable) writer.uint32(tag).fork();
      for (const element of elements) {
        if (!isPackable) writer.uint32(tag);
        value.write(writer, element);
      }
      if (isPackable) writer.join();
    },
    read(input, end, wireType, target) {
      const elements = target[name] as unknown[];
      if (wireType === value.wireType) {
        elements.push(value.read(input) ?? 0);
        return;
      }
      if (wireType !== WireType.LengthDelimited) throw wrongType(number, wireType);
      const listEnd = readEnd(input, end);
      while (input.reader.pos < listEnd) {
        countValue(input);
        elements.push(value.read(input) ?? 0);
      }
      if (input.reader.pos !== listEnd) throw new RangeError('an element exceeds its list');
    },
  };
}

function elementsOf(members: Members, name: string): readonly unknown[] {
  const list = members[name] ?? [];
  if (!Array.isArray(list)) throw new TypeError(`${name} is no list`);
  return list;
}

/** A map is a list of messages with the fields key and value (https://protobuf.dev/programming-guides/encoding/#maps). */
function textMap(field: DescField & { readonly fieldKind: 'map' }): CompiledField {
  const { number, jsonName: name } = field;
  if (field.mapKey !== ScalarType.STRING || field.scalar !== ScalarType.STRING) {
    throw new TypeError(`${field} maps other types than text to text, which has no codec`);
  }
  const tag = toTag(number, WireType.LengthDelimited);
  const [keyTag, valueTag] = [toTag(1, WireType.LengthDelimited), toTag(2, WireType.LengthDelimited)];
  return {
    number,
    name,
    blank: () => ({}),
    write(writer, members) {
      for (const [key, value] of Object.entries((members[name] ?? {}) as Record<string, string>)) {
        writer.uint32(tag).fork().uint32(keyTag).string(key).uint32(valueTag).string(value).join();
      }
    },
    read(input, end, wireType, target) {
      if (wireType !== WireType.LengthDelimited) throw wrongType(number, wireType);
      const entryEnd = readEnd(input, end);
      let [key, value] = ['', ''];
      while (input.reader.pos < entryEnd) {
        const found = readTag(input);
        if (found === keyTag) key = input.reader.string(true);
        else if (found === valueTag) value = input.reader.string(true);
        else skipUnknown(input, found, 2);
      }
      endMessage(input, entryEnd);
      // The key may be "__proto__".
      Object.defineProperty(target[name], key, { value, enumerable: true, configurable: true, writable: true });
    },
  };
}

/** A field of a oneof removes the others (https://protobuf.dev/programming-guides/proto3/#oneof-features). */
function withOneof(oneof: DescOneof | undefined, field: CompiledField): CompiledField {
  if (!oneof) return field;
  const others = oneof.fields.map(({ jsonName }) => jsonName).filter((name) => name !== field.name);
  return {
    ...field,
    read(input, end, wireType, target) {
      for (const name of others) delete target[name];
      field.read(input, end, wireType, target);
    },
  };
}
