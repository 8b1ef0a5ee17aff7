import { collectDefaultMetrics, Registry } from 'prom-client';

/** Gauges with names of counters, which promtool refuses; the gauges by type hold the same numbers. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** A registry with Node's own metrics (event loop lag, heap, garbage collection, handles). */
export function createRegistry(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  return registry;
}
