import { parseJson, type ServiceContract, stringifyJson } from 'rpc-kit';
import type { ClientCodec } from '../../src/grpc/client/transport.ts';

/** Messages of JSON: what a transport does does not depend on what they are made of. */
const message = {
  encode: (value: unknown): Uint8Array => Buffer.from(stringifyJson(value)),
  decode: (bytes: Uint8Array): unknown => parseJson(Buffer.from(bytes).toString()),
};

/** Stands in for `createServiceCodec` where no server reads Protocol Buffers. */
export function jsonCodec({ name, methods }: ServiceContract): ClientCodec {
  const codecOf = ([method, { errors = {} }]: [string, ServiceContract['methods'][string]]) => {
    const details = new Map(
      Object.keys(errors).map((reason) => [reason, { typeName: `test.${reason}`, codec: message }] as const),
    );
    return [method, { path: `/test.${name}/${method}`, params: message, result: message, details }] as const;
  };
  return { byName: new Map(Object.entries(methods).map(codecOf)) };
}
