import type { Call } from '../call.ts';
import type { Transport } from '../client.ts';
import type { RpcError } from '../rpc-error.ts';
import type { CanaryGroup, CanaryOptions } from './canary.ts';
import type { EndpointList } from './endpoint-list.ts';
import type { Failure } from './failure.ts';
import type { HealthCheckOptions } from './health-checks.ts';
import type { EndpointHealth, OutlierEjectionOptions } from './outlier-ejection.ts';
import type { SlowStartOptions } from './slow-start.ts';
import type { SpillReason } from './zone-preference.ts';

/** Endpoints of `createBalancer`, and how it chooses among them. Each way of choosing is off unless it is set. */
export interface BalancerOptions extends Partial<OutlierEjectionOptions> {
  /** The endpoints of one service: URLs, entries with zone, weight and version, and sources of them (`dnsEndpoints`). */
  readonly endpoints: EndpointList;
  /** Creates the transport to one endpoint, e.g. an HTTP transport guarded by its own circuit breaker. The balancer disposes of it. */
  connect(url: string): Transport & AsyncDisposable;
  /** The zone whose endpoints are preferred, which is usually this process's own. Unset: zones make no difference. */
  readonly zone?: string | undefined;
  /** Sends a share of the calls, or chosen calls, to the endpoints of one version. Unset: versions make no difference. */
  readonly canary?: CanaryOptions | undefined;
  /** Asks each endpoint whether it is ready (`/readyz`, `grpc.health.v1`). Unset: only the outcomes of calls count. */
  readonly healthChecks?: HealthCheckOptions | undefined;
  /** Lets the share of an endpoint that joins or returns grow over a window. Unset: it gets its whole share at once. */
  readonly slowStart?: SlowStartOptions | undefined;
  /** The age at which a latency weighs 1/e, in milliseconds. */
  readonly decayMs?: number;
  /** From 0 to below 1. */
  readonly random?: () => number;
  readonly on?: Partial<BalancerEvents>;
}

/** Endpoints are named by their URLs without userinfo and query. */
export interface BalancerEvents {
  /** An endpoint failed too often and gets no calls for `forMs`. This is its ejection number `times` in a row. */
  eject(event: {
    readonly endpoint: string;
    /** The call whose failure ejected it. */
    readonly call: Call;
    readonly error: RpcError;
    readonly times: number;
    readonly forMs: number;
  }): void;
  /** An ejected endpoint gets calls again. */
  readmit(event: { readonly endpoint: string }): void;
  join(event: { readonly endpoint: string }): void;
  leave(event: { readonly endpoint: string }): void;
  /** The call never reached one endpoint (`error`) and is sent to this one. */
  failover(event: { readonly endpoint: string; readonly call: Call; readonly error: RpcError }): void;
  /** With `healthChecks`: the endpoint gets no calls. It did not answer (`error`), or answered that it is not ready. */
  unhealthy(event: { readonly endpoint: string; readonly error: RpcError | undefined }): void;
  /** It gets calls again. */
  healthy(event: { readonly endpoint: string }): void;
  /** With `zone`: the call is sent to another zone. */
  spill(event: { readonly call: Call; readonly why: SpillReason }): void;
  /** With `canary`: an attempt at a call has ended at an endpoint of the group; without a failure, it has a result. */
  canary(event: {
    readonly endpoint: string;
    readonly call: Call;
    readonly group: CanaryGroup;
    readonly failure: Failure | undefined;
  }): void;
}

/**
 * - `serving`: the endpoint gets its share of the calls.
 * - `starting`: it gets a share that grows (`slowStart`).
 * - `unhealthy`: it does not pass the health checks.
 * - `ejected`: its calls kept failing, and it gets none until `health.untilAt`.
 */
export type EndpointState = 'serving' | 'starting' | 'unhealthy' | 'ejected';

/** The current state of one endpoint, for pages and tests. */
export interface EndpointStatus {
  readonly url: string;
  readonly zone: string | undefined;
  readonly version: string | undefined;
  readonly state: EndpointState;
  /** Calls in flight. */
  readonly pending: number;
  readonly health: EndpointHealth;
}

export const BALANCER_DEFAULTS = {
  // Finagle's default: several times longer than a garbage collection pause, shorter than a restart.
  decayMs: 10_000,
  // One or two failures in a row happen by chance.
  failuresMax: 5,
  // About as long as a process takes to restart; readmission that comes too early costs one call.
  ejectionMs: 5_000,
  ejectionMaxMs: 60_000,
  // When more than half of a service fails, the rest must not receive all of its load.
  ejectedShareMax: 0.5,
  random: Math.random,
} as const satisfies Partial<BalancerOptions>;
