// Types of options, events and answers: code that passes them on can name them.

export type { CallContext, Caller, DeferredTask } from './call.ts';
export type { Balancer } from './calling/balancer.ts';
export type { BalancerEvents, BalancerOptions, EndpointState, EndpointStatus } from './calling/balancer-options.ts';
export type { CanaryGroup, CanaryOptions } from './calling/canary.ts';
export type {
  CircuitBreaker,
  CircuitBreakerEvents,
  CircuitBreakerOptions,
  CircuitBreakerState,
  OpenReason,
} from './calling/circuit-breaker.ts';
export type { DnsEndpointsOptions, DnsEvents } from './calling/dns-endpoints.ts';
export type { EndpointList } from './calling/endpoint-list.ts';
export type { Failure } from './calling/failure.ts';
export type { HealthCheckOptions } from './calling/health-checks.ts';
export type { HedgeWinner, HedgingEvents, HedgingOptions } from './calling/hedging.ts';
export type { EndpointHealth, OutlierEjectionOptions } from './calling/outlier-ejection.ts';
export type { RateLimitOptions } from './calling/rate-limit.ts';
export type { Backoff, GiveUpReason, RetryEvents, RetryOptions } from './calling/retry.ts';
export type { RetryBudget, RetryBudgetOptions } from './calling/retry-budget.ts';
export type { SharedLimitEvents } from './calling/shared-limit.ts';
export type { SlowStartOptions } from './calling/slow-start.ts';
export type { TokenBucket } from './calling/token-bucket.ts';
export type { SpillReason } from './calling/zone-preference.ts';
export type { ClientOptions } from './client.ts';
export type { Access, AnswerOf, DetailsOf, ErrorContract, ReasonOf, RetrySafety } from './contract.ts';
export type { Deadline } from './deadline.ts';
export type { PageAddress } from './documents/place.ts';
export type { JsonSchema } from './documents/wire-schema.ts';
export type { AbortCode, AbortFault, DelayFault, DropCode, DropFault } from './faults/fault.ts';
export type { FaultEvents, FaultOptions } from './faults/inject-faults.ts';
export type { BatchLimits } from './http/client/batching.ts';
export type { FaceOptions } from './http/client/faces.ts';
export type { Credentials, FetchInit, FetchResponse } from './http/client/fetch.ts';
export type { HttpTransport, HttpTransportOptions } from './http/client/transport.ts';
export type { RetryAfterHeaders } from './http/retry-after.ts';
export type { Scheme } from './http/server/browser-boundary.ts';
export type { ServingOptions } from './http/server/create-router.ts';
export type { FetchCaller } from './http/server/fetch-handler.ts';
export type { HttpLimits } from './http/server/limits.ts';
export type { Mounted, MountLimits } from './http/server/mount.ts';
export type { DrainTimes, HttpServerOptions } from './http/server/server.ts';
export type { RpcErrorOptions } from './rpc-error.ts';
export type { JsonNumber, RawNumber } from './schema/json.ts';
export type { AccessOptions } from './serving/access.ts';
export type { AdaptiveLimitOptions } from './serving/adaptive-limit.ts';
export type { CallerRateLimitEvents, CallerRateLimitOptions, SharedCallerLimit } from './serving/caller-rate-limit.ts';
export type { Priority, Slot } from './serving/concurrency-limit.ts';
export type { LoadSheddingEvents } from './serving/load-shedding.ts';
