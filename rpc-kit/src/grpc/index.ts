/**
 * Servers and clients over gRPC, the messages of a contract, and its .proto file.
 *
 * @module
 */

export { createGrpcTransport, type GrpcTransport, type GrpcTransportOptions } from './client/transport.ts';
export { type GrpcExample, toGrpcExample } from './schema/example-json.ts';
export { createMessageCodec, type MessageCodec } from './schema/message-codec.ts';
export { type ProtoLock, parseProtoLock } from './schema/proto-lock.ts';
export { type ProtoFile, toMethodProto, toProtoFile } from './schema/proto-text.ts';
export { createServiceCodec, type DetailsCodec, type MethodCodec, type ServiceCodec } from './schema/service-codec.ts';
export { updateLock } from './schema/update-lock.ts';
export { vendoredCodec, vendoredFiles } from './schema/vendored.ts';
export type { GrpcServerMetrics } from './server/grpc-metrics.ts';
export { GRPC_LIMITS, type GrpcLimits } from './server/limits.ts';
export { type GrpcServer, type GrpcServerOptions, serveGrpc } from './server/server.ts';
