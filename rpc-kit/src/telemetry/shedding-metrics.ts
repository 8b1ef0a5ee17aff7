import { Gauge, type Registry } from 'prom-client';
import type { ConcurrencyLimit } from '../serving/concurrency-limit.ts';
import type { LoadSheddingEvents } from '../serving/load-shedding.ts';
import { type TalliedCounter, talliedCounterIn } from './tallies.ts';

/**
 * `rpc_server_shed_total{method}`: calls refused because the service was full. `serveHttp` counts those that it refused before it read
 * the body; a request on /rpc, whose method it has not read, counts as `unknown`.
 */
export function shedCounterIn(registry: Registry): TalliedCounter {
  return talliedCounterIn(registry, {
    name: 'rpc_server_shed_total',
    help: 'Calls turned away because the service had too much to do.',
    labelNames: ['method'],
  });
}

/** Counts what `shedLoad` refuses, and adds `rpc_server_concurrency_limit`: the calls that the service takes on at a time. */
export function sheddingMetrics(registry: Registry, limit: ConcurrencyLimit): Partial<LoadSheddingEvents> {
  const counter = shedCounterIn(registry);
  new Gauge({
    name: 'rpc_server_concurrency_limit',
    help: 'Calls that the service takes on at a time, as it finds right now.',
    registers: [registry],
    collect() {
      this.set(limit.limit);
    },
  });
  return {
    shed({ call }) {
      counter.series({ method: call.contract ? call.method : 'unknown' }).value += 1;
    },
  };
}
