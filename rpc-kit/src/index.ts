// For authors of services.

export { defineService, fail, failedWith } from './contract.ts';
export type { DetailsOf, MethodContract, Methods, ParamsOf, ResultOf, ServiceContract } from './contract.ts';
export { idempotencyKey, int64, text, timestamp, uint16, uint32, uint64 } from './schema/wire-types.ts';
export { type Code, CODES } from './code.ts';
export { RpcError } from './rpc-error.ts';

export { type Handlers, implement, type ImplementOptions, type Service } from './server.ts';
export type { ServedCall } from './call.ts';
export { canonicalHost, canonicalOrigin } from './http/server/origin.ts';
export { type HttpServer, type HttpServerOptions, serveHttp } from './http/server/server.ts';
export type { ReadinessCheck } from './http/server/pages.ts';
export { HTTP_LIMITS, type HttpLimits } from './http/server/limits.ts';

export { type CallOptions, type Client, createClient, type Transport } from './client.ts';
export { createHttpTransport, type HttpTransport } from './http/client/transport.ts';

export { type Balancer, type BalancerOptions, createBalancer, type EndpointSource } from './calling/balancer.ts';
export { dnsEndpoints } from './calling/dns-endpoints.ts';
export { createRetryBudget, type RetryBudget } from './calling/retry-budget.ts';
export { retry, type RetryOptions } from './calling/retry.ts';
export {
  type CircuitBreaker,
  type CircuitBreakerOptions,
  type CircuitBreakerState,
  createCircuitBreaker,
} from './calling/circuit-breaker.ts';
export { hedging, type HedgingOptions } from './calling/hedging.ts';

export { measureLimiter } from './telemetry/limiter-metrics.ts';
export { clientMetrics, serverMetrics } from './telemetry/metrics.ts';
export {
  balancerMetrics,
  breakerMetrics,
  hedgingMetrics,
  retryBudgetMetrics,
  retryMetrics,
} from './telemetry/policy-metrics.ts';
export { listeners } from './telemetry/notify.ts';
export { clientLogging, serverLogging } from './telemetry/logging.ts';
export { clientTracing, serverTracing, type TracingOptions } from './telemetry/tracing.ts';
export { rateLimit } from './serving/rate-limit.ts';
export { type CallerRateLimitOptions, limitCallers } from './serving/caller-rate-limit.ts';
export {
  createTokenBucket,
  type Limiter,
  type Token,
  type TokenBucket,
  type TokenBucketOptions,
} from './serving/token-bucket.ts';
export { limitMethods, shedLoad } from './serving/load-shedding.ts';
export { adaptiveLimit, type ConcurrencyLimit, fixedLimit, type Priority } from './serving/concurrency-limit.ts';
export { type LogFields, logScope, outsideCalls, runInLogScope } from './telemetry/log-scope.ts';
export { describeWrong, hideUrlSecrets, type HttpUrl, parseHttpUrl, parseUrl } from './http/urls.ts';
export { describeWhole, parseWhole, type WholeRange } from './schema/whole-number.ts';

// ---------------------------------------------------------------------------------------------------------------------
// For authors of interceptors, transports and documents.

export { type Call, type CallContext, type Caller, compose, type Interceptor, type Next } from './call.ts';
export { abortReason, type Deadline, onAbort, raceSignal, startDeadline } from './deadline.ts';
export { toRpcError } from './rpc-error.ts';
export { type Failure, failureOf, hadNoEffect, OVERLOADED } from './calling/failure.ts';
export { notify } from './telemetry/notify.ts';
export { parseRetryAfter } from './http/retry-after.ts';
export type { BalancerEvents, EndpointStatus } from './calling/balancer.ts';
export type { GiveUpReason, RetryEvents } from './calling/retry.ts';
export type { CircuitBreakerEvents, OpenReason } from './calling/circuit-breaker.ts';
export type { HedgeWinner, HedgingEvents } from './calling/hedging.ts';
export { acceptTraceContext, type TraceContext } from './telemetry/trace-context.ts';
export { toSpanContext, toTraceContext } from './telemetry/open-telemetry.ts';
export { formatTraceparent, parseTraceparent, type Traceparent } from './telemetry/traceparent.ts';
export { METADATA_HEADERS } from './http/metadata.ts';
export { parseRequestId } from './telemetry/request-id.ts';
export { storableText } from './schema/text.ts';
export { parseJson, rawNumber, stringifyJson } from './schema/json.ts';
export { type OpenRpcDocument, openRpcDocument } from './documents/openrpc.ts';
export { wireSchema } from './documents/wire-schema.ts';
export { openApiDocument } from './documents/openapi.ts';
export { codesMarkdown, contractMarkdown, refusalsMarkdown } from './documents/markdown.ts';
