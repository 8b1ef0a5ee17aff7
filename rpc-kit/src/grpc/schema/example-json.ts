import { create, createFileRegistry, fromBinary, toJson } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import type { ServiceContract } from '../../contract.ts';
import type { ProtoLock } from './proto-lock.ts';
import { createServiceCodec } from './service-codec.ts';

/** A call that tools such as grpcurl can send. */
export interface GrpcExample {
  /** `ordermesh.loms.v1.LomsService/CreateOrder` */
  readonly method: string;
  /** The example params of the contract, in the JSON of protobuf (https://protobuf.dev/programming-guides/json/). */
  readonly params: string;
}

/**
 * The example of a method as a line for grpcurl shows it.
 * @throws {TypeError} for a method that the contract does not have
 */
export function toGrpcExample(contract: ServiceContract, method: string, lock: ProtoLock): GrpcExample {
  const { files, byName, serviceName } = createServiceCodec(contract, lock);
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [...files] }));
  const codec = byName.get(method);
  const type = registry.getService(serviceName)?.methods.find(({ name }) => codec?.path.endsWith(`/${name}`))?.input;
  if (!codec || !type) throw new TypeError(`${contract.name} has no method ${method}`);
  const message = fromBinary(type, codec.params.encode(contract.methods[method]?.example.params));
  return { method: codec.path.slice(1), params: JSON.stringify(toJson(type, message)) };
}
