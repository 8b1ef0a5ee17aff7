import {
  Counter,
  type CounterConfiguration,
  Gauge,
  type GaugeConfiguration,
  Histogram,
  type HistogramConfiguration,
  type Registry,
} from 'prom-client';

/** Clients of several peers, and servers of one process, share a registry: an existing instrument is used again. */

export type Described<C> = Omit<C, 'registers'>;

export function counterIn(registry: Registry, configuration: Described<CounterConfiguration<string>>): Counter {
  return existing(registry, configuration) ?? new Counter({ ...configuration, registers: [registry] });
}

export function gaugeIn(registry: Registry, configuration: Described<GaugeConfiguration<string>>): Gauge {
  return existing(registry, configuration) ?? new Gauge({ ...configuration, registers: [registry] });
}

export function histogramIn(registry: Registry, configuration: Described<HistogramConfiguration<string>>): Histogram {
  return existing(registry, configuration) ?? new Histogram({ ...configuration, registers: [registry] });
}

/** The instrument of that name. A name is never used for two kinds. */
export function existing<T>(registry: Registry, { name }: { readonly name: string }): T | undefined {
  return registry.getSingleMetric(name) as T | undefined;
}
