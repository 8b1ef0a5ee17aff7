import { create } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  type EnumDescriptorProto,
  EnumDescriptorProtoSchema,
  type FieldDescriptorProto,
  FieldDescriptorProtoSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';
import type { EnumModel, FieldModel, MessageModel } from './message-model.ts';
import { toEnumValueName, toSnakeCase } from './names.ts';
import { type NumberedType, numberOf, type ProtoLock, type ServiceLock, serviceLockOf } from './proto-lock.ts';
import type { ServiceModel } from './service-model.ts';

export const TIMESTAMP_FILE = 'google/protobuf/timestamp.proto';

/** `ordermesh.loms.v1` */
export function packageOf({ contract }: ServiceModel, lock: ProtoLock): string {
  return `${lock.package}.${toSnakeCase(contract.name)}.v1`;
}

/** `ordermesh/loms/v1/loms.proto` */
export function fileNameOf(model: ServiceModel, lock: ProtoLock): string {
  return `${packageOf(model, lock).replaceAll('.', '/')}/${toSnakeCase(model.contract.name)}.proto`;
}

/** The service's .proto file as protoc would compile it, without comments. */
export function toFileDescriptor(model: ServiceModel, lock: ProtoLock): FileDescriptorProto {
  const own = serviceLockOf(model.contract, lock);
  const name = packageOf(model, lock);
  return create(FileDescriptorProtoSchema, {
    name: fileNameOf(model, lock),
    package: name,
    syntax: 'proto3',
    dependency: usesTimestamp(model.messages) ? [TIMESTAMP_FILE] : [],
    messageType: model.messages.map((message) => toMessage(message, own, name)),
    enumType: model.enums.map((declared) => toEnum(declared, own)),
    service: [
      {
        name: model.name,
        method: model.methods.map(({ rpcName, params, result, isStream }) => ({
          name: rpcName,
          inputType: `.${name}.${params.name}`,
          outputType: `.${name}.${result.name}`,
          ...(isStream && { serverStreaming: true }),
        })),
      },
    ],
  });
}

export function usesTimestamp(messages: readonly MessageModel[]): boolean {
  return messages.some(
    (message) => message.fields.some(({ type }) => type.kind === 'timestamp') || usesTimestamp(message.messages),
  );
}

/** `StocksResponse.Stock` → `Stock` */
export const simpleName = (name: string): string => name.slice(name.lastIndexOf('.') + 1);

function toMessage(message: MessageModel, lock: ServiceLock, scope: string): DescriptorProto {
  const optional = message.fields.filter(isProto3Optional);
  return create(DescriptorProtoSchema, {
    name: simpleName(message.name),
    field: message.fields.map((field) =>
      toField(field, numberOf(lock.messages, message.name, field.member), scope, optional.indexOf(field)),
    ),
    // protoc declares each `optional` field as the only one of a oneof that has no other use.
    oneofDecl: optional.map(({ name }) => ({ name: `_${name}` })),
    nestedType: message.messages.map((nested) => toMessage(nested, lock, scope)),
    enumType: message.enums.map((nested) => toEnum(nested, lock)),
    ...toReserved(reservedFields(lock.messages[message.name], message), 1),
  });
}

function toField(field: FieldModel, number: number, scope: string, oneofIndex: number): FieldDescriptorProto {
  return create(FieldDescriptorProtoSchema, {
    name: field.name,
    jsonName: field.member,
    number,
    label: field.label === 'repeated' ? Label.REPEATED : Label.OPTIONAL,
    ...toType(field, scope),
    ...(oneofIndex >= 0 && { proto3Optional: true, oneofIndex }),
  });
}

/** A message field has presence anyway. */
export function isProto3Optional({ label, type }: FieldModel): boolean {
  return label === 'optional' && (type.kind === 'scalar' || type.kind === 'enum');
}

const SCALARS = {
  int64: Type.INT64,
  uint64: Type.UINT64,
  uint32: Type.UINT32,
  string: Type.STRING,
  bool: Type.BOOL,
  double: Type.DOUBLE,
} as const;

function toType({ type }: FieldModel, scope: string): { type: Type; typeName?: string } {
  switch (type.kind) {
    case 'scalar':
      return { type: SCALARS[type.scalar] };
    case 'timestamp':
      return { type: Type.MESSAGE, typeName: '.google.protobuf.Timestamp' };
    case 'message':
      return { type: Type.MESSAGE, typeName: `.${scope}.${type.message.name}` };
    case 'enum':
      return { type: Type.ENUM, typeName: `.${scope}.${type.enum.name}` };
  }
}

function toEnum(declared: EnumModel, lock: ServiceLock): EnumDescriptorProto {
  const values = [...declared.values].map(([value, name]) => ({
    name,
    number: numberOf(lock.enums, declared.name, value),
  }));
  return create(EnumDescriptorProtoSchema, {
    name: simpleName(declared.name),
    value: [{ name: zeroValueOf(declared), number: 0 }, ...values],
    ...toReserved(reservedValues(lock.enums[declared.name], declared), 0),
  });
}

/** buf's lint rule ENUM_ZERO_VALUE_SUFFIX. */
export function zeroValueOf({ name }: EnumModel): string {
  return toEnumValueName(simpleName(name), 'unspecified');
}

/** Numbers and names that the .proto file must not use again. */
export interface Reserved {
  readonly numbers: readonly number[];
  readonly names: readonly string[];
}

export function reservedFields(type: NumberedType | undefined, { fields }: MessageModel): Reserved {
  return toNames(type, toSnakeCase, new Set(fields.map(({ name }) => name)));
}

export function reservedValues(type: NumberedType | undefined, { name, values }: EnumModel): Reserved {
  return toNames(type, (value) => toEnumValueName(simpleName(name), value), new Set(values.values()));
}

/** A name that has come back is in use, under another number. */
function toNames(
  type: NumberedType | undefined,
  toName: (member: string) => string,
  used: ReadonlySet<string>,
): Reserved {
  const reserved = Object.entries(type?.reserved ?? {});
  const names = new Set(reserved.map(([, member]) => toName(member)).filter((name) => !used.has(name)));
  return { numbers: reserved.map(([number]) => Number(number)), names: [...names] };
}

/** @param past what is added to the end of a range: it is exclusive for messages, and inclusive for enums */
function toReserved({ numbers, names }: Reserved, past: 0 | 1) {
  return {
    reservedRange: numbers.map((number) => ({ start: number, end: number + past })),
    reservedName: [...names],
  };
}
