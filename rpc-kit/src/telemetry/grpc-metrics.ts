import { Gauge, type Registry } from 'prom-client';
import type { GrpcMetrics, GrpcServerMetrics, OpenStreams } from '../grpc/server/grpc-metrics.ts';
import { shedCounterIn } from './shedding-metrics.ts';
import { talliedCounterIn } from './tallies.ts';
import type { Tally } from './tally.ts';

/** For `serveGrpc`: `grpc_requests_total{route,status}`, `grpc_errors_total{kind}` and `grpc_streams_open`. */
export function grpcMetrics(registry: Registry): GrpcServerMetrics {
  return {
    streamsOf: (open) => countStreams(registry, open),
    shedOf: (method) => shedCounterIn(registry).series({ method }),
  };
}

function countStreams(registry: Registry, open: OpenStreams): GrpcMetrics {
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
