import type { DescField, DescMessage, DescOneof } from '@bufbuild/protobuf';
import { type BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { FeatureSet_FieldPresence as Presence } from '@bufbuild/protobuf/wkt';
import { messageList, singleList, textMap } from './compiled-lists.ts';
import type { CompiledMessage } from './compiled-message.ts';
import { type Input, readEnd, toTag, wrongType } from './reading.ts';
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
export type MessageValue = Pick<CompiledMessage, 'write'> & {
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
