import { readFileSync } from 'node:fs';
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { createMessageCodec, type MessageCodec } from './message-codec.ts';

/** The messages of google.rpc, health checking and reflection. `make vendor-proto` compiles them from rpc-kit/proto. */
const image = fromBinary(FileDescriptorSetSchema, readFileSync(new URL('vendored.binpb', import.meta.url)));
const registry = createFileRegistry(image);
const codecs = new Map<string, MessageCodec>();

/** Their files, each after those that it imports, for reflection. */
export const vendoredFiles: readonly FileDescriptorProto[] = image.file;

/** The codec of a message, e.g. `google.rpc.Status`; 64-bit numbers and enums are as in contracts, enum values have their .proto names. */
export function vendoredCodec(typeName: string): MessageCodec {
  const known = codecs.get(typeName);
  if (known) return known;
  const type = registry.getMessage(typeName);
  if (!type) throw new TypeError(`rpc-kit/proto declares no ${typeName}`);
  const made = createMessageCodec(type);
  codecs.set(typeName, made);
  return made;
}
