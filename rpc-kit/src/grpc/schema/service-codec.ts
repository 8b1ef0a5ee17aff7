import { create, createFileRegistry, type DescMessage } from '@bufbuild/protobuf';
import {
  type FileDescriptorProto,
  FileDescriptorSetSchema,
  file_google_protobuf_timestamp,
} from '@bufbuild/protobuf/wkt';
import type { ServiceContract } from '../../contract.ts';
import { packageOf, TIMESTAMP_FILE, toFileDescriptor } from './descriptors.ts';
import { createMessageCodec, type MessageCodec } from './message-codec.ts';
import type { EnumModel, MessageModel } from './message-model.ts';
import { numberOf, type ProtoLock, serviceLockOf } from './proto-lock.ts';
import { type ServiceModel, toServiceModel } from './service-model.ts';

/** The messages of one method. */
export interface MethodCodec {
  /** Of the contract: `createOrder`. */
  readonly name: string;
  /** `/ordermesh.loms.v1.LomsService/CreateOrder` */
  readonly path: string;
  readonly params: MessageCodec;
  /** Of a stream, one item. */
  readonly result: MessageCodec;
  readonly isStream: boolean;
  /** By reason, the message of its details. */
  readonly details: ReadonlyMap<string, DetailsCodec>;
}

/** The message of the details of a reason. */
export interface DetailsCodec {
  /** `ordermesh.loms.v1.OutOfStockDetails` */
  readonly typeName: string;
  readonly codec: MessageCodec;
}

/** The messages of a contract, which `createServiceCodec` builds. */
export interface ServiceCodec {
  /** `ordermesh.loms.v1.LomsService` */
  readonly serviceName: string;
  /** By path. */
  readonly methods: ReadonlyMap<string, MethodCodec>;
  /** By the contract's name. */
  readonly byName: ReadonlyMap<string, MethodCodec>;
  /** The service's file after those that it imports, for reflection. */
  readonly files: readonly FileDescriptorProto[];
}

/**
 * The codecs of all methods of a contract.
 * @throws {TypeError} for a contract that protobuf cannot declare or that the lock does not number
 */
export function createServiceCodec(contract: ServiceContract, lock: ProtoLock): ServiceCodec {
  const model = toServiceModel(contract);
  const packageName = packageOf(model, lock);
  const files = toFiles(model, lock);
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: files }));
  const valuesByEnum = enumValuesOf(model, lock);
  const codecs = new Map<MessageModel, MessageCodec>();
  const codecOf = (message: MessageModel): MessageCodec => {
    const found = codecs.get(message);
    if (found) return found;
    const descriptor = registry.getMessage(`${packageName}.${message.name}`) as DescMessage;
    const made = createMessageCodec(descriptor, ({ typeName }) => valuesByEnum.get(typeName) ?? new Map());
    codecs.set(message, made);
    return made;
  };
  const serviceName = `${packageName}.${model.name}`;
  const methods = model.methods.map(({ name, rpcName, params, result, isStream, details }): MethodCodec => {
    const toDetails = (message: MessageModel): DetailsCodec => ({
      typeName: `${packageName}.${message.name}`,
      codec: codecOf(message),
    });
    return {
      name,
      path: `/${serviceName}/${rpcName}`,
      params: codecOf(params),
      result: codecOf(result),
      isStream,
      details: new Map([...details].map(([reason, message]) => [reason, toDetails(message)])),
    };
  });
  return {
    serviceName,
    methods: new Map(methods.map((method) => [method.path, method])),
    byName: new Map(methods.map((method) => [method.name, method])),
    files,
  };
}

function toFiles(model: ServiceModel, lock: ProtoLock): FileDescriptorProto[] {
  const own = toFileDescriptor(model, lock);
  return own.dependency.includes(TIMESTAMP_FILE) ? [file_google_protobuf_timestamp.proto, own] : [own];
}

/** The contract's values by number, by the enum's name. Number 0, an unspecified value, has none. */
function enumValuesOf(model: ServiceModel, lock: ProtoLock): ReadonlyMap<string, ReadonlyMap<number, string>> {
  const own = serviceLockOf(model.contract, lock);
  const found = new Map<string, ReadonlyMap<number, string>>();
  const add = (scope: { readonly messages: readonly MessageModel[]; readonly enums: readonly EnumModel[] }): void => {
    for (const { name, values } of scope.enums) {
      const numbered = [...values.keys()].map((value) => [numberOf(own.enums, name, value), value] as const);
      found.set(`${packageOf(model, lock)}.${name}`, new Map(numbered));
    }
    for (const message of scope.messages) add(message);
  };
  add(model);
  return found;
}
