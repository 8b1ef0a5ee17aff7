import type { Tally } from '../../telemetry/tally.ts';

/** What a server counts with. `grpcMetrics` of rpc-kit/metrics makes it: this face knows no metrics library. */
export interface GrpcServerMetrics {
  streamsOf(open: OpenStreams): GrpcMetrics;
  /** What counts the calls of a method that were refused because the service is full. */
  shedOf(method: string): Tally;
}

/** Counts gRPC streams, below the calls: a refused stream never becomes a call. How long calls take is in the metrics of calls. */
export interface GrpcMetrics {
  /** What counts the answers of a route, by status. Kept by the route: a lookup costs more than the counting. */
  answersOf(route: string): Answers;
  /** A stream or a connection failed before it had an answer. */
  failed(kind: GrpcFailure): void;
}

export interface Answers {
  answered(status: number): void;
}

/**
 * The caller left (aborted); bytes that are no HTTP/2, or no TLS (malformed); too many resets, pings or settings (flood); too slow (late);
 * too many connections (server).
 */
export type GrpcFailure = 'aborted' | 'malformed' | 'flood' | 'late' | 'server';

/** What is open now, on all connections. */
export interface OpenStreams {
  calls: number;
  /** Of these, streams of health and reflection. */
  streams: number;
}

export const UNMEASURED: GrpcServerMetrics = {
  streamsOf: () => ({ answersOf: () => ({ answered() {} }), failed() {} }),
  shedOf: () => ({ value: 0 }),
};
