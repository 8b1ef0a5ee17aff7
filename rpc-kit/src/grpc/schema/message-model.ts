import type { z } from 'zod';
import { typeNames } from '../../schema/type-names.ts';
import { toEnumValueName, toPascalCase, toSingular, toSnakeCase } from './names.ts';
import { type Scalar, scalarOf } from './scalars.ts';

export interface MessageModel {
  /** With the messages around it: `StocksResponse.Stock`. */
  readonly name: string;
  readonly comment: string | undefined;
  readonly fields: readonly FieldModel[];
  /** Types that only this message uses. */
  readonly messages: readonly MessageModel[];
  readonly enums: readonly EnumModel[];
}

export interface FieldModel {
  /** Of the contract, and the field's JSON name: `orderID`. */
  readonly member: string;
  /** `order_id` */
  readonly name: string;
  readonly comment: string | undefined;
  readonly schema: z.ZodType;
  readonly type: FieldType;
  readonly label: 'required' | 'optional' | 'repeated';
}

export type FieldType =
  | { readonly kind: 'scalar'; readonly scalar: Scalar }
  | { readonly kind: 'timestamp' }
  | { readonly kind: 'message'; readonly message: MessageModel }
  | { readonly kind: 'enum'; readonly enum: EnumModel };

export interface EnumModel {
  /** With the messages around it. */
  readonly name: string;
  readonly comment: string | undefined;
  /** Names by the contract's values: `awaiting payment` → `ORDER_STATUS_AWAITING_PAYMENT`. */
  readonly values: ReadonlyMap<string, string>;
}

/** Where types are declared: a file, or a message inside it. */
export interface TypeScope {
  readonly service: string;
  readonly messages: MessageModel[];
  readonly enums: EnumModel[];
  /** Types with a name of their own; they belong to the file. */
  readonly shared: Map<z.core.$ZodType, FieldType>;
  /** The message, if it is one. */
  readonly message?: { readonly name: string; readonly file: TypeScope };
  /** The schemas of the message and of those around it. */
  readonly open?: readonly z.core.$ZodType[];
}

type Def = z.core.$ZodTypes['_zod']['def'];
const defOf = (schema: z.core.$ZodType): Def => (schema as z.core.$ZodTypes)._zod.def;

export function addMessage(
  scope: TypeScope,
  name: string,
  schema: z.core.$ZodType,
  comment: string | undefined,
): MessageModel {
  const def = defOf(schema);
  if (def.type !== 'object') throw new TypeError(`${scope.service}: ${name} is no object, so it has no message`);
  const fullName = qualified(scope, name);
  const file = scope.message?.file ?? scope;
  const open = [...(scope.open ?? []), schema];
  const inside: TypeScope = { ...scope, messages: [], enums: [], message: { name: fullName, file }, open };
  const fields = Object.entries(def.shape).map(([member, part]) => toField(inside, member, part));
  const taken = fields.find(({ name }, index) => fields.findIndex((other) => other.name === name) !== index);
  if (taken) throw new TypeError(`${scope.service}: two fields of ${fullName} have the name ${taken.name}; rename one`);
  checkNames(inside);
  const { messages, enums } = inside;
  const message = { name: fullName, comment: comment ?? describe(schema), fields, messages, enums };
  scope.messages.push(message);
  return message;
}

/** @throws {TypeError} for two types with one name */
export function checkNames({ service, messages, enums }: TypeScope): void {
  const names = [...messages, ...enums].map(({ name }) => name);
  const taken = names.find((name, index) => names.indexOf(name) !== index);
  if (taken) throw new TypeError(`${service}: two types have the name ${taken}; register another for one in typeNames`);
}

const FIELD_NAME = /^[a-z]/;

function toField(scope: TypeScope, member: string, schema: z.core.$ZodType): FieldModel {
  const field = { member, name: toSnakeCase(member), comment: describe(schema), schema: schema as z.ZodType };
  if (!FIELD_NAME.test(field.name)) throw unsupported(scope, member, 'of whose name protobuf can make none');
  const { inner, isOptional } = unwrap(schema);
  const def = defOf(inner);
  if (def.type !== 'array') {
    return { ...field, type: toType(scope, member, inner), label: isOptional ? 'optional' : 'required' };
  }
  const mistake = isOptional ? 'an optional list' : defOf(def.element).type === 'array' ? 'a list of lists' : undefined;
  if (mistake) throw unsupported(scope, member, `${mistake}, which protobuf cannot tell from an empty one`);
  return { ...field, type: toType(scope, member, def.element, toSingular(member)), label: 'repeated' };
}

function unwrap(schema: z.core.$ZodType): { inner: z.core.$ZodType; isOptional: boolean } {
  const def = defOf(schema);
  if (def.type === 'optional' || def.type === 'default' || def.type === 'prefault') {
    return { inner: unwrap(def.innerType).inner, isOptional: true };
  }
  return { inner: schema, isOptional: false };
}

function toType(scope: TypeScope, member: string, schema: z.core.$ZodType, name = member): FieldType {
  const file = scope.message?.file ?? scope;
  const shared = file.shared.get(schema);
  if (shared) return shared;
  if (scope.open?.includes(schema)) throw unsupported(scope, member, 'which contains itself');
  const given = typeNames.get(schema as z.ZodType)?.name;
  const type = declareType(given ? file : scope, given ?? toPascalCase(name), schema);
  if (!type) throw unsupported(scope, member, `of the type ${defOf(schema).type}`);
  if (given) file.shared.set(schema, type);
  return type;
}

function declareType(scope: TypeScope, name: string, schema: z.core.$ZodType): FieldType | undefined {
  const def = defOf(schema);
  if (def.type === 'object') return { kind: 'message', message: addMessage(scope, name, schema, undefined) };
  if (def.type === 'enum') return { kind: 'enum', enum: addEnum(scope, name, schema, Object.values(def.entries)) };
  const scalar = scalarOf(schema);
  if (scalar === 'timestamp') return { kind: 'timestamp' };
  return scalar && { kind: 'scalar', scalar };
}

function addEnum(
  scope: TypeScope,
  name: string,
  schema: z.core.$ZodType,
  values: readonly (string | number)[],
): EnumModel {
  const numeric = values.find((value) => typeof value !== 'string');
  if (numeric !== undefined)
    throw new TypeError(`${scope.service}: ${name} has the value ${numeric}, which is no text`);
  const named = new Map(values.map((value) => [String(value), toEnumValueName(name, String(value))]));
  const names = [toEnumValueName(name, 'unspecified'), ...named.values()];
  const taken = names.find((value, index) => names.indexOf(value) !== index);
  if (taken) throw new TypeError(`${scope.service}: two values of ${name} have the name ${taken}; rename one`);
  const model = { name: qualified(scope, name), comment: describe(schema), values: named };
  scope.enums.push(model);
  return model;
}

const qualified = (scope: TypeScope, name: string): string => (scope.message ? `${scope.message.name}.${name}` : name);

const describe = (schema: z.core.$ZodType): string | undefined => (schema as z.ZodType).description;

function unsupported(scope: TypeScope, member: string, what: string): TypeError {
  return new TypeError(`${scope.service}: ${scope.message?.name} has the member ${member}, ${what}; it has no message`);
}
