import type { ServiceContract } from '../../contract.ts';
import {
  fileNameOf,
  isProto3Optional,
  packageOf,
  type Reserved,
  reservedFields,
  reservedValues,
  simpleName,
  TIMESTAMP_FILE,
  usesTimestamp,
  zeroValueOf,
} from './descriptors.ts';
import { limitsText } from './field-limits.ts';
import type { EnumModel, FieldModel, MessageModel } from './message-model.ts';
import { toDefaultJsonName } from './names.ts';
import { numberOf, type ProtoLock, type ServiceLock, serviceLockOf } from './proto-lock.ts';
import { type MethodModel, type ServiceModel, toServiceModel } from './service-model.ts';

/** A .proto file as text. */
export interface ProtoFile {
  /** `ordermesh/loms/v1/loms.proto` */
  readonly path: string;
  readonly text: string;
}

/** A line of the file, without the indentation of its scope. */
type Lines = readonly string[];

/** The contract as a .proto file, with its sentences as comments. */
export function toProtoFile(contract: ServiceContract, lock: ProtoLock): ProtoFile {
  const model = toServiceModel(contract);
  const own = serviceLockOf(contract, lock);
  const blocks = [
    ['// rpc-kit writes this file from the contract; change it there.', '', 'syntax = "proto3";'],
    [`package ${packageOf(model, lock)};`],
    ...(usesTimestamp(model.messages) ? [[`import "${TIMESTAMP_FILE}";`]] : []),
    serviceLines(model),
    ...typeBlocks(model, own),
  ];
  return { path: fileNameOf(model, lock), text: `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n` };
}

/** The messages of one method, as they are in the .proto file. */
export function toMethodProto(contract: ServiceContract, method: string, lock: ProtoLock): string {
  const found = toServiceModel(contract).methods.find(({ name }) => name === method);
  if (!found) throw new TypeError(`${contract.name} has no method ${method}`);
  const own = serviceLockOf(contract, lock);
  const blocks = [rpcLines(found), messageLines(found.params, own), messageLines(found.result, own)];
  return blocks.map((lines) => lines.filter((line) => !line.trimStart().startsWith('//')).join('\n')).join('\n\n');
}

function serviceLines({ name, contract, methods }: ServiceModel): Lines {
  const rpcs = methods.map((method) => rpcLines(method));
  return [...comment(contract.summary), `service ${name} {`, ...indented(separated(rpcs)), '}'];
}

function rpcLines({ rpcName, contract, params, result, isStream }: MethodModel): Lines {
  const answer = isStream ? `stream ${result.name}` : result.name;
  const about = [contract.summary, contract.description].filter((text) => text !== undefined).join(' ');
  return [...comment(about), `rpc ${rpcName}(${params.name}) returns (${answer});`];
}

interface Types {
  readonly messages: readonly MessageModel[];
  readonly enums: readonly EnumModel[];
}

function typeBlocks({ messages, enums }: Types, lock: ServiceLock): Lines[] {
  return [
    ...messages.map((message) => messageLines(message, lock)),
    ...enums.map((declared) => enumLines(declared, lock)),
  ];
}

function messageLines(message: MessageModel, lock: ServiceLock): Lines {
  const { numbers, names } = reservedFields(lock.messages[message.name], message);
  const fields = message.fields.flatMap((field) =>
    fieldLines(field, message.name, numberOf(lock.messages, message.name, field.member)),
  );
  const parts = [...typeBlocks(message, lock), [...reservedLines({ numbers, names }), ...fields]];
  return block(
    message.comment,
    `message ${simpleName(message.name)}`,
    separated(parts.filter((part) => part.length > 0)),
  );
}

function fieldLines(field: FieldModel, scope: string, number: number): Lines {
  const label = field.label === 'repeated' ? 'repeated ' : isProto3Optional(field) ? 'optional ' : '';
  const json = toDefaultJsonName(field.name) === field.member ? '' : ` [json_name = ${JSON.stringify(field.member)}]`;
  return [
    ...comment(field.comment),
    ...comment(limitsText(field)),
    `${label}${typeOf(field, scope)} ${field.name} = ${number}${json};`,
  ];
}

function typeOf({ type }: FieldModel, scope: string): string {
  const local = (name: string): string => (name.startsWith(`${scope}.`) ? simpleName(name) : name);
  switch (type.kind) {
    case 'scalar':
      return type.scalar;
    case 'timestamp':
      return 'google.protobuf.Timestamp';
    case 'message':
      return local(type.message.name);
    case 'enum':
      return local(type.enum.name);
  }
}

function enumLines(declared: EnumModel, lock: ServiceLock): Lines {
  const values = [...declared.values].map(
    ([value, name]) => `${name} = ${numberOf(lock.enums, declared.name, value)};`,
  );
  const reserved = reservedLines(reservedValues(lock.enums[declared.name], declared));
  const lines = [...reserved, `${zeroValueOf(declared)} = 0;`, ...values];
  return block(declared.comment, `enum ${simpleName(declared.name)}`, lines);
}

function reservedLines({ numbers, names }: Reserved): Lines {
  const quoted = names.map((name) => `"${name}"`);
  return [numbers, quoted].filter(({ length }) => length > 0).map((list) => `reserved ${list.join(', ')};`);
}

function block(about: string | undefined, head: string, lines: Lines): Lines {
  if (lines.length === 0) return [...comment(about), `${head} {}`];
  return [...comment(about), `${head} {`, ...indented(lines), '}'];
}

const indented = (lines: Lines): Lines => lines.map((line) => (line === '' ? '' : `  ${line}`));

/** Blocks with an empty line between them. */
const separated = (blocks: readonly Lines[]): Lines =>
  blocks.flatMap((lines, index) => (index === 0 ? lines : ['', ...lines]));

const COMMENT_LENGTH_MAX = 116;

function comment(text: string | undefined): Lines {
  const lines: string[] = [];
  for (const word of text?.split(/\s+/) ?? []) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < COMMENT_LENGTH_MAX)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`// ${word}`);
  }
  return lines;
}
