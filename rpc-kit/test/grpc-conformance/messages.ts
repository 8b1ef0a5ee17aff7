import { create, createFileRegistry, type DescMessage, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

/**
 * The messages of connectrpc.conformance.v1, by descriptors that are read at run time. They have bytes, `oneof` and `Any`, which no
 * contract can declare, so protobuf-es encodes them. The interfaces name the fields that are used here.
 */
export interface Messages {
  encode(name: string, value: object): Uint8Array;
  decode<T>(name: string, bytes: Uint8Array): T;
}

export const PACKAGE = 'connectrpc.conformance.v1';
export const TYPE_URL = 'type.googleapis.com/';

/** @param image a FileDescriptorSet */
export function readMessages(image: Uint8Array): Messages {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, image));
  const descriptorOf = (name: string): DescMessage => {
    const found = registry.getMessage(`${PACKAGE}.${name}`);
    if (!found) throw new TypeError(`${PACKAGE} has no message ${name}`);
    return found;
  };
  return {
    encode(name, value) {
      const descriptor = descriptorOf(name);
      return toBinary(descriptor, create(descriptor, value as never));
    },
    decode: <T>(name: string, bytes: Uint8Array) => fromBinary(descriptorOf(name), bytes) as T,
  };
}

export interface Any {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

export interface Header {
  readonly name: string;
  readonly value: readonly string[];
}

/** `code` is gRPC's number. */
export interface ErrorDefinition {
  readonly code: number;
  readonly message?: string;
  readonly details: readonly Any[];
}

interface Metadata {
  readonly responseHeaders: readonly Header[];
  readonly responseTrailers: readonly Header[];
  readonly responseDelayMs: number;
}

export interface UnaryDefinition extends Metadata {
  readonly response:
    | { readonly case: 'responseData'; readonly value: Uint8Array }
    | { readonly case: 'error'; readonly value: ErrorDefinition }
    | { readonly case: undefined };
}

export interface StreamDefinition extends Metadata {
  readonly responseData: readonly Uint8Array[];
  readonly error?: ErrorDefinition;
}

/** Of a ServerCompatRequest. */
export interface ServerRequest {
  readonly useTls: boolean;
  readonly serverCreds?: { readonly cert: Uint8Array; readonly key: Uint8Array };
  readonly clientTlsCert: Uint8Array;
  readonly messageReceiveLimit: number;
}

/** Of a ClientCompatRequest. */
export interface ClientRequest {
  readonly testName: string;
  readonly compression: number;
  readonly host: string;
  readonly port: number;
  readonly serverTlsCert: Uint8Array;
  readonly clientTlsCreds?: { readonly cert: Uint8Array; readonly key: Uint8Array };
  readonly messageReceiveLimit: number;
  readonly service?: string;
  readonly method?: string;
  readonly requestHeaders: readonly Header[];
  readonly requestMessages: readonly Any[];
  readonly timeoutMs?: number;
  readonly requestDelayMs: number;
  readonly cancel?: {
    readonly cancelTiming: {
      readonly case?: 'afterCloseSendMs' | 'afterNumResponses' | 'beforeCloseSend';
      readonly value?: number;
    };
  };
}
