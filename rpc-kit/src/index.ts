// For authors of services.

// ---------------------------------------------------------------------------------------------------------------------
// For authors of interceptors and transports.
export { type Call, type CallContext, type Caller, compose, type Interceptor, type Next } from './call.ts';
export { type CallOptions, type Client, createClient, type Transport } from './client.ts';
export { CODES, type Code } from './code.ts';
export {
  type DetailsOf,
  defineService,
  fail,
  failedWith,
  type MethodContract,
  type ParamsOf,
  type ResultOf,
  type ServiceContract,
} from './contract.ts';
export { codesMarkdown, contractMarkdown } from './contract-markdown.ts';
export { type Deadline, raceSignal, startDeadline } from './deadline.ts';
export { HTTP_LIMITS, type HttpLimits } from './http/limits.ts';
export type { ReadinessCheck } from './http/pages.ts';
export { type HttpServer, serveHttp } from './http/server.ts';
export { createHttpTransport, type HttpTransport } from './http/transport.ts';
export { serverLogging } from './interceptors/logging.ts';
export { clientMetrics, serverMetrics } from './interceptors/metrics.ts';
export { rateLimit } from './interceptors/rate-limit.ts';
export { parseJson, stringifyJson } from './json.ts';
export { logScope } from './log-scope.ts';
export { openApiDocument } from './openapi.ts';
export { type OpenRpcDocument, openRpcDocument } from './openrpc.ts';
export { RpcError, toRpcError } from './rpc-error.ts';
export { type Handlers, implement, type Service } from './server.ts';
export { createTokenBucket, type TokenBucket } from './token-bucket.ts';
export { idempotencyKey, int64, timestamp, uint16, uint32, uint64 } from './wire-types.ts';
