/**
 * Metrics with prom-client.
 *
 * @module
 */

export { accessMetrics } from './telemetry/access-metrics.ts';
export { balancerMetrics, endpointMetrics } from './telemetry/balancer-metrics.ts';
export { faultMetrics } from './telemetry/fault-metrics.ts';
export { grpcMetrics } from './telemetry/grpc-metrics.ts';
export { httpMetrics } from './telemetry/http-metrics.ts';
export { measureLimiter } from './telemetry/limiter-metrics.ts';
export { clientMetrics, serverMetrics } from './telemetry/metrics.ts';
export {
  breakerMetrics,
  hedgingMetrics,
  retryBudgetMetrics,
  retryMetrics,
  sharedLimitMetrics,
} from './telemetry/policy-metrics.ts';
export { sheddingMetrics } from './telemetry/shedding-metrics.ts';
