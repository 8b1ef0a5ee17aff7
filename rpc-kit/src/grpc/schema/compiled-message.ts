import type { DescMessage } from '@bufbuild/protobuf';
import type { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { type CompiledField, compileField, type Members } from './compiled-field.ts';
import { endMessage, type Input, readTag, skipField } from './reading.ts';
import type { EnumValues } from './single-values.ts';

export interface CompiledMessage {
  write(writer: BinaryWriter, value: unknown): void;
  /** @param known the message so far: a message that occurs twice is merged */
  read(input: Input, end: number, known?: Members): Members;
}

/** @throws {TypeError} for a message that contains itself, or a field of a type without a codec */
export function compileMessage(
  message: DescMessage,
  enumValues?: EnumValues,
  ancestors: readonly DescMessage[] = [],
): CompiledMessage {
  if (ancestors.includes(message)) throw new TypeError(`${message.typeName} contains itself, which has no codec`);
  const compileNested = (nested: DescMessage) => compileMessage(nested, enumValues, [...ancestors, message]);
  const fields = message.fields.map((field) => compileField(field, compileNested, enumValues));
  const byNumber: (CompiledField | undefined)[] = [];
  for (const field of fields) byNumber[field.number] = field;
  const blanks = fields.filter(({ blank }) => blank !== undefined);
  return {
    write(writer, value) {
      if (typeof value !== 'object' || value === null) throw new TypeError(`${value} is no ${message.typeName}`);
      for (const field of fields) field.write(writer, value as Members);
    },
    read(input, end, known) {
      const target = known ?? {};
      if (!known) for (const { name, blank } of blanks) target[name] = blank?.();
      const { reader } = input;
      while (reader.pos < end) {
        const tag = readTag(input);
        const field = byNumber[tag >>> 3];
        if (field) field.read(input, end, (tag & 7) as WireType, target);
        else skipField(input, tag);
      }
      endMessage(input, end);
      return target;
    },
  };
}
