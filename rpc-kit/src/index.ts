/**
 * Contracts, services and clients; below them, what authors of interceptors, transports and documents need.
 *
 * @module
 */

export { defineService, fail, failedWith } from './contract.ts';
export type { EventContract, MethodContract, Methods, ParamsOf, ResultOf, ServiceContract } from './contract.ts';
export { type StreamOf, stream } from './stream.ts';
export { idempotencyKey, int64, storableText, text, timestamp, uint16, uint32, uint64 } from './schema/wire-types.ts';
export { type JsonSchemaSource, jsonSchema, type ZodOf } from './schema/json-schema.ts';
export { type StandardSchema, standardSchema } from './schema/standard-schema.ts';
export { typeNames } from './schema/type-names.ts';
export { type Code, CODES } from './code.ts';
export { RpcError } from './rpc-error.ts';

export { type Handlers, implement, type ImplementOptions, type Service } from './server.ts';
export type { ServedCall } from './call.ts';
export { type HttpServer, serveHttp } from './http/server/server.ts';
export { createFetchHandler, type FetchHandler } from './http/server/fetch-handler.ts';
export { createNodeHandler, type NodeHandler } from './http/server/node-handler.ts';
export type { MountOptions } from './http/server/mount.ts';
export type { ReadinessCheck } from './http/server/pages.ts';
export { HTTP_LIMITS } from './http/server/limits.ts';
export { TLS_VERSIONS, type TlsFiles, type TlsSource } from './http/tls.ts';

export { type CallOptions, type Client, createClient, type Transport } from './client.ts';
export type { ItemStream } from './item-stream.ts';
export { createHttpTransport } from './http/client/transport.ts';
export type { Fetch } from './http/client/fetch.ts';
export { createFetchTransport, type FetchTransportOptions } from './http/client/fetch-transport.ts';

export { createBalancer } from './calling/balancer.ts';
export type { EndpointEntry, EndpointSource, ListedEndpoint } from './calling/endpoint-list.ts';
export { createCircuitBreaker } from './calling/circuit-breaker.ts';
export { dnsEndpoints } from './calling/dns-endpoints.ts';
export { type HedgingDelay, hedging } from './calling/hedging.ts';
export { rateLimit } from './calling/rate-limit.ts';
export { createSharedLimit, type SharedLimit, type SharedLimitOptions } from './calling/shared-limit.ts';
export { retry } from './calling/retry.ts';
export { createRetryBudget } from './calling/retry-budget.ts';
export { createMemoryTokenStore, type LeasedTokens, type TokenLease, type TokenStore } from './calling/token-store.ts';
export { createTokenBucket, type Limiter, type Token, type TokenBucketOptions } from './calling/token-bucket.ts';

export { type Fault, type FaultPlan, parseFaults } from './faults/fault.ts';
export { injectFaults } from './faults/inject-faults.ts';

export { type AccessDecision, type AccessEvents, checkAccess, type Identify } from './serving/access.ts';
export { limitCallers } from './serving/caller-rate-limit.ts';
export { adaptiveLimit } from './serving/adaptive-limit.ts';
export { type ConcurrencyLimit, fixedLimit } from './serving/concurrency-limit.ts';
export { STREAMS_MAX, shedLoad } from './serving/load-shedding.ts';

export type { HttpServerMetrics } from './http/server/http-metrics.ts';
export { outsideCalls } from './telemetry/log-scope.ts';
export type { Logger } from './telemetry/logger.ts';

export type * from './types.ts';

// For authors of interceptors, transports and documents.

export type { Call, Emit, Interceptor, Next } from './call.ts';
export { resultSchemaOf, streamOf } from './stream.ts';
export { abortReason, onAbort, raceSignal, startDeadline } from './deadline.ts';
export { toRpcError } from './rpc-error.ts';
export { OVERLOADED } from './calling/failure.ts';
export { METADATA_HEADERS } from './http/sent-metadata.ts';
export { parseRetryAfter } from './http/retry-after.ts';
export { parseJson, rawNumber, stringifyJson } from './schema/json.ts';
export { parseRequestId } from './telemetry/request-id.ts';
export { acceptTraceContext, type TraceContext } from './telemetry/trace-context.ts';
export { shellQuoted } from './documents/docs-page/curl.ts';
export { wireSchema } from './documents/wire-schema.ts';
export { accessMarkdown, codesMarkdown, contractMarkdown, refusalsMarkdown } from './documents/markdown.ts';
