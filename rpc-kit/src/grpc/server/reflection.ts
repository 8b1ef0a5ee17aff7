import { toBinary } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { RpcError } from '../../rpc-error.ts';
import { vendoredCodec } from '../schema/vendored.ts';
import { GRPC_STATUS } from '../status-code.ts';
import type { GrpcMetrics } from './grpc-metrics.ts';
import type { StreamRoute } from './router.ts';

/**
 * Server reflection (https://github.com/grpc/grpc/blob/master/doc/server-reflection.md), by which grpcurl and others find methods and
 * types. Version 1 and 1alpha have the same messages.
 */
const SERVICES = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'];

/** A client asks once for each file and each symbol that it meets. */
const REQUESTS_MAX = 1_000;

const REQUEST = vendoredCodec('grpc.reflection.v1.ServerReflectionRequest');
const RESPONSE = vendoredCodec('grpc.reflection.v1.ServerReflectionResponse');

/** Numbers of gRPC statuses, as the answers within a stream have them. */
const { not_found: NOT_FOUND, unimplemented: UNIMPLEMENTED } = GRPC_STATUS;

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

interface ReflectionRequest {
  readonly host: string;
  readonly fileByFilename?: string;
  readonly fileContainingSymbol?: string;
  readonly fileContainingExtension?: object;
  readonly allExtensionNumbersOfType?: string;
  readonly listServices?: string;
}

/** @throws {RpcError} for bytes that are no request */
function answer(index: FileIndex, bytes: Uint8Array): Uint8Array {
  const request = REQUEST.decode(bytes) as ReflectionRequest;
  return RESPONSE.encode({ validHost: request.host, originalRequest: request, ...answerTo(index, request) });
}

function answerTo({ byName, bySymbol, services }: FileIndex, request: ReflectionRequest): object {
  const { fileByFilename, fileContainingSymbol, allExtensionNumbersOfType: type } = request;
  if (fileByFilename !== undefined) return toFile(byName.get(fileByFilename), fileByFilename);
  if (fileContainingSymbol !== undefined) return toFile(bySymbol.get(fileContainingSymbol), fileContainingSymbol);
  if (request.listServices !== undefined) {
    return { listServicesResponse: { service: services.map((name) => ({ name })) } };
  }
  // proto3 has no extensions but those of options, and these files declare none.
  if (type !== undefined && bySymbol.has(type)) {
    return { allExtensionNumbersResponse: { baseTypeName: type, extensionNumber: [] } };
  }
  if (type !== undefined || request.fileContainingExtension) return toError(NOT_FOUND, 'No extension is declared here');
  return toError(UNIMPLEMENTED, 'This server answers no such question');
}

function toFile(file: Uint8Array | undefined, name: string): object {
  if (file) return { fileDescriptorResponse: { fileDescriptorProto: [file] } };
  return toError(NOT_FOUND, `${name} is not declared here`);
}

function toError(errorCode: number, errorMessage: string): object {
  return { errorResponse: { errorCode, errorMessage } };
}
