import type { z } from 'zod';
import type { MethodContract, ServiceContract } from '../../contract.ts';
import { resultSchemaOf, streamOf } from '../../stream.ts';
import { addMessage, checkNames, type EnumModel, type MessageModel, type TypeScope } from './message-model.ts';
import { toPascalCase } from './names.ts';

/** A contract as protobuf declares it, without numbers: those are in the lock. */
export interface ServiceModel {
  /** `LomsService` */
  readonly name: string;
  readonly contract: ServiceContract;
  readonly methods: readonly MethodModel[];
  /** Types of the file itself; others are inside their messages. */
  readonly messages: readonly MessageModel[];
  readonly enums: readonly EnumModel[];
}

export interface MethodModel {
  /** Of the contract: `createOrder`. */
  readonly name: string;
  /** `CreateOrder` */
  readonly rpcName: string;
  readonly contract: MethodContract;
  readonly params: MessageModel;
  /** Of a stream, one item. */
  readonly result: MessageModel;
  readonly isStream: boolean;
  /** By reason. */
  readonly details: ReadonlyMap<string, MessageModel>;
}

/** @throws {TypeError} for a contract that uses what protobuf cannot declare */
export function toServiceModel(contract: ServiceContract): ServiceModel {
  const scope: TypeScope = { service: contract.name, messages: [], enums: [], shared: new Map() };
  const detailsOf = createDetails(scope);
  const methods = Object.entries(contract.methods).map(([name, method]): MethodModel => {
    const rpcName = toPascalCase(name);
    const isStream = streamOf(method) !== undefined;
    return {
      name,
      rpcName,
      contract: method,
      params: addMessage(scope, `${rpcName}Request`, method.params, `Params of ${rpcName}.`),
      result: addMessage(
        scope,
        `${rpcName}Response`,
        resultSchemaOf(method),
        `${isStream ? 'One item' : 'Result'} of ${rpcName}.`,
      ),
      isStream,
      details: detailsOf(method),
    };
  });
  for (const [name, { summary, schema }] of Object.entries(contract.events ?? {})) {
    addMessage(scope, name, schema, summary);
  }
  const { messages, enums } = scope;
  checkNames(scope);
  const name = toPascalCase(contract.name);
  if (!/^[A-Z]/.test(name)) {
    throw new TypeError(`The service "${contract.name}" has no name in protobuf: begin its name with a letter`);
  }
  return { name: `${name}Service`, contract, methods, messages, enums };
}

/** A reason has one message, whichever methods declare it. */
function createDetails(scope: TypeScope): (method: MethodContract) => ReadonlyMap<string, MessageModel> {
  const known = new Map<string, { readonly schema: z.ZodType; readonly message: MessageModel }>();
  return (method) => {
    const found = new Map<string, MessageModel>();
    for (const [reason, { details: schema, message }] of Object.entries(method.errors ?? {})) {
      if (!schema) continue;
      const declared = known.get(reason);
      if (declared && declared.schema !== schema) {
        throw new TypeError(`${scope.service}: two methods declare different details for ${reason}; share one schema`);
      }
      const made =
        declared?.message ??
        addMessage(scope, `${toPascalCase(reason)}Details`, schema, `Details of ${reason}: ${message}.`);
      known.set(reason, { schema, message: made });
      found.set(reason, made);
    }
    return found;
  };
}
