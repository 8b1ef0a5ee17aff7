// For authors of services.

export { defineService, fail, failedWith } from './contract.ts';
export type { DetailsOf, MethodContract, Methods, ParamsOf, ResultOf, ServiceContract } from './contract.ts';
export { idempotencyKey, int64, text, timestamp, uint16, uint32, uint64 } from './wire-types.ts';
export { type Code, CODES } from './code.ts';
export { RpcError } from './rpc-error.ts';

export { type Handlers, implement, type ImplementOptions, type Service } from './server.ts';
export type { ServedCall } from './call.ts';
export { canonicalHost, canonicalOrigin } from './http/origin.ts';
export { type HttpServer, type HttpServerOptions, serveHttp } from './http/server.ts';
export type { ReadinessCheck } from './http/pages.ts';
export { HTTP_LIMITS, type HttpLimits } from './http/limits.ts';

export { type CallOptions, type Client, createClient, type Transport } from './client.ts';
export { createHttpTransport, type HttpTransport } from './http/transport.ts';

export { type Balancer, type BalancerOptions, createBalancer, type EndpointSource } from './balancer.ts';
export { dnsEndpoints } from './dns-endpoints.ts';
export { createRetryBudget, type RetryBudget } from './retry-budget.ts';
export { retry, type RetryOptions } from './interceptors/retry.ts';
export {
  type CircuitBreaker,
  type CircuitBreakerOptions,
  type CircuitBreakerState,
  createCircuitBreaker,
} from './interceptors/circuit-breaker.ts';
export { hedging, type HedgingOptions } from './interceptors/hedging.ts';

export { measureLimiter } from './interceptors/limiter-metrics.ts';
export { clientMetrics, serverMetrics } from './interceptors/metrics.ts';
export {
  balancerMetrics,
  breakerMetrics,
  hedgingMetrics,
  retryBudgetMetrics,
  retryMetrics,
} from './interceptors/policy-metrics.ts';
export { listeners } from './notify.ts';
export { clientLogging, serverLogging } from './interceptors/logging.ts';
export { clientTracing, serverTracing, type TracingOptions } from './interceptors/tracing.ts';
export { rateLimit } from './interceptors/rate-limit.ts';
export { type CallerRateLimitOptions, limitCallers } from './interceptors/caller-rate-limit.ts';
export {
  createTokenBucket,
  type Limiter,
  type Token,
  type TokenBucket,
  type TokenBucketOptions,
} from './token-bucket.ts';
export { limitMethods, shedLoad } from './interceptors/load-shedding.ts';
export { adaptiveLimit, type ConcurrencyLimit, fixedLimit, type Priority } from './concurrency-limit.ts';
export { type LogFields, logScope, outsideCalls, runInLogScope } from './log-scope.ts';
export { describeWrong, hideUrlSecrets, type HttpUrl, parseHttpUrl, parseUrl } from './urls.ts';
export { describeWhole, parseWhole, type WholeRange } from './whole-number.ts';

// ---------------------------------------------------------------------------------------------------------------------
// For authors of interceptors, transports and documents.

export { type Call, type CallContext, type Caller, compose, type Interceptor, type Next } from './call.ts';
export { abortReason, type Deadline, onAbort, raceSignal, startDeadline } from './deadline.ts';
export { toRpcError } from './rpc-error.ts';
export { type Failure, failureOf, hadNoEffect, OVERLOADED } from './failure.ts';
export { notify } from './notify.ts';
export { parseRetryAfter } from './retry-after.ts';
export type { BalancerEvents, EndpointStatus } from './balancer.ts';
export type { GiveUpReason, RetryEvents } from './interceptors/retry.ts';
export type { CircuitBreakerEvents, OpenReason } from './interceptors/circuit-breaker.ts';
export type { HedgeWinner, HedgingEvents } from './interceptors/hedging.ts';
export { acceptTraceContext, type TraceContext } from './trace-context.ts';
export { toSpanContext, toTraceContext } from './interceptors/open-telemetry.ts';
export { formatTraceparent, parseTraceparent, type Traceparent } from './traceparent.ts';
export { METADATA_HEADERS } from './http/metadata.ts';
export { parseRequestId } from './request-id.ts';
export { storableText } from './text.ts';
export { parseJson, rawNumber, stringifyJson } from './json.ts';
export { type OpenRpcDocument, openRpcDocument } from './openrpc.ts';
export { wireSchema } from './wire-schema.ts';
export { openApiDocument } from './openapi.ts';
export { codesMarkdown, contractMarkdown, refusalsMarkdown } from './contract-markdown.ts';
