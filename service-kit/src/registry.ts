import { collectDefaultMetrics, Registry } from 'prom-client';

/** A registry with Node's own metrics in it (event loop lag, heap, garbage collection, handles). */
export function createRegistry(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  return registry;
}
