import { toBinary } from '@bufbuild/protobuf';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { RpcError } from '../../rpc-error.ts';
import type { GrpcMetrics } from './grpc-metrics.ts';
import type { StreamRoute } from './router.ts';

/**
 * Server reflection (https://github.com/grpc/grpc/blob/master/doc/server-reflection.md), by which grpcurl and others find methods and
 * types. Version 1 and 1alpha have the same messages.
 */
const SERVICES = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'];

/** A client asks once for each file and each symbol that it meets. */
const REQUESTS_MAX = 1_000;

/** Members of `ServerReflectionRequest.message_request`. */
const FILE_BY_FILENAME = 3;
const FILE_CONTAINING_SYMBOL = 4;
const FILE_CONTAINING_EXTENSION = 5;
const EXTENSION_NUMBERS_OF_TYPE = 6;
const LIST_SERVICES = 7;

const NOT_FOUND = 5;
const UNIMPLEMENTED = 12;

export function reflectionRoutes(
  files: readonly FileDescriptorProto[],
  metrics: GrpcMetrics,
): ReadonlyMap<string, StreamRoute> {
  const index = indexFiles(files);
  const routes = SERVICES.map((service): [string, StreamRoute] => {
    const path = `/${service}/ServerReflectionInfo`;
    return [
      path,
      {
        kind: 'stream',
        answers: metrics.answersOf(path),
        open(channel) {
          let requests = 0;
          return {
            message(bytes) {
              requests += 1;
              if (requests > REQUESTS_MAX)
                throw new RpcError('resource_exhausted', 'A reflection stream takes 1000 requests');
              channel.send(answer(index, bytes));
            },
            end: () => channel.finish(),
            closed() {},
          };
        },
      },
    ];
  });
  return new Map(routes);
}

interface FileIndex {
  readonly services: readonly string[];
  readonly byName: ReadonlyMap<string, Uint8Array>;
  /** By the full name of everything that a file declares. */
  readonly bySymbol: ReadonlyMap<string, Uint8Array>;
}

interface Declared {
  readonly name: string;
  readonly nestedType?: readonly Declared[];
  readonly enumType?: readonly Declared[];
  readonly field?: readonly Declared[];
  readonly oneofDecl?: readonly Declared[];
  readonly value?: readonly Declared[];
  readonly method?: readonly Declared[];
}

function indexFiles(files: readonly FileDescriptorProto[]): FileIndex {
  const services: string[] = [];
  const byName = new Map<string, Uint8Array>();
  const bySymbol = new Map<string, Uint8Array>();
  for (const file of files) {
    const bytes = toBinary(FileDescriptorProtoSchema, file);
    byName.set(file.name, bytes);
    const add = (scope: string, { name, ...members }: Declared): void => {
      const fullName = scope === '' ? name : `${scope}.${name}`;
      bySymbol.set(fullName, bytes);
      const { nestedType = [], enumType = [], field = [], oneofDecl = [], value = [], method = [] } = members;
      for (const member of [...nestedType, ...enumType, ...field, ...oneofDecl, ...method]) add(fullName, member);
      // Values of an enum belong to the scope around it, as in C++.
      for (const member of value) add(scope, member);
    };
    for (const declared of [...file.messageType, ...file.enumType, ...file.service, ...file.extension]) {
      add(file.package, declared as Declared);
    }
    services.push(...file.service.map(({ name }) => (file.package === '' ? name : `${file.package}.${name}`)));
  }
  return { services: services.sort(), byName, bySymbol };
}

/** A ServerReflectionResponse. */
function answer(index: FileIndex, request: Uint8Array): Uint8Array {
  const { host, asked, value } = readRequest(request);
  const response = new BinaryWriter();
  if (host !== '') response.tag(1, WireType.LengthDelimited).string(host);
  response.tag(2, WireType.LengthDelimited).bytes(request);
  const addFile = (bytes: Uint8Array | undefined): void => {
    if (bytes === undefined) addError(response, NOT_FOUND, `${value} is not declared here`);
    else response.tag(4, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).bytes(bytes).join();
  };
  if (asked === FILE_BY_FILENAME) addFile(index.byName.get(value));
  else if (asked === FILE_CONTAINING_SYMBOL) addFile(index.bySymbol.get(value.replace(/^\./, '')));
  else if (asked === LIST_SERVICES) {
    response.tag(6, WireType.LengthDelimited).fork();
    for (const service of index.services) {
      response.tag(1, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(service).join();
    }
    response.join();
  } else if (asked === EXTENSION_NUMBERS_OF_TYPE && index.bySymbol.has(value)) {
    // proto3 has no extensions but those of options, and this kit declares none.
    response.tag(5, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(value).join();
  } else if (asked === FILE_CONTAINING_EXTENSION || asked === EXTENSION_NUMBERS_OF_TYPE) {
    addError(response, NOT_FOUND, 'No extension is declared here');
  } else addError(response, UNIMPLEMENTED, 'This server knows no such question');
  return response.finish();
}

function addError(response: BinaryWriter, code: number, message: string): void {
  response.tag(7, WireType.LengthDelimited).fork();
  response.tag(1, WireType.Varint).int32(code);
  response.tag(2, WireType.LengthDelimited).string(message);
  response.join();
}

/** @throws {RpcError} for bytes that are no ServerReflectionRequest */
function readRequest(bytes: Uint8Array): { host: string; asked: number | undefined; value: string } {
  try {
    const request = { host: '', asked: undefined as number | undefined, value: '' };
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const [number, type] = reader.tag();
      if (number === FILE_CONTAINING_EXTENSION) {
        request.asked = number;
        reader.skip(type, number);
      } else if (type !== WireType.LengthDelimited) reader.skip(type, number);
      else if (number === 1) request.host = reader.string();
      else {
        request.asked = number;
        request.value = reader.string();
      }
    }
    return request;
  } catch (error) {
    throw new RpcError('invalid_request', 'The message is no ServerReflectionRequest', { cause: error });
  }
}
