import { type DescField, ScalarType } from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';
import type { CompiledField, Members, MessageValue } from './compiled-field.ts';
import { countValue, endMessage, readEnd, readTag, skipUnknown, toTag, wrongType } from './reading.ts';
import type { SingleValue } from './single-values.ts';

export function messageList(field: DescField, value: MessageValue): CompiledField {
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
export function singleList(field: DescField, value: SingleValue): CompiledField {
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
export function textMap(field: DescField & { readonly fieldKind: 'map' }): CompiledField {
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
