import { Gauge, type Registry } from 'prom-client';
import { type Tally, talliedCounterIn } from '../../telemetry/tallies.ts';

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

/** `grpc_requests_total{route,status}`, `grpc_errors_total{kind}` and `grpc_streams_open`. */
export function createGrpcMetrics(registry: Registry, open: OpenStreams): GrpcMetrics {
  new Gauge({
    name: 'grpc_streams_open',
    help: 'gRPC streams that are arriving or being answered.',
    registers: [registry],
    collect() {
      this.set(open.calls);
    },
  });
  const requests = talliedCounterIn(registry, {
    name: 'grpc_requests_total',
    help: 'gRPC streams answered, by path and number of the gRPC status.',
    labelNames: ['route', 'status'],
  });
  const errors = talliedCounterIn(registry, {
    name: 'grpc_errors_total',
    help: 'gRPC streams and connections without an answer: left by the caller (aborted), no gRPC (malformed), floods, late, refused (server).',
    labelNames: ['kind'],
  });
  return {
    answersOf(route) {
      const byStatus: Tally[] = [];
      return {
        answered(status) {
          byStatus[status] ??= requests.series({ route, status: String(status) });
          byStatus[status].value += 1;
        },
      };
    },
    failed(kind) {
      errors.series({ kind }).value += 1;
    },
  };
}
