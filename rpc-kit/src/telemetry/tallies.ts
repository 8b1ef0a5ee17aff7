import {
  Counter,
  type CounterConfiguration,
  Gauge,
  type GaugeConfiguration,
  Histogram,
  type HistogramConfiguration,
  type MetricObjectWithValues,
  type MetricValueWithName,
  type Registry,
} from 'prom-client';
import { type Described, existing } from './instruments.ts';
import type { Distribution, Tally } from './tally.ts';

/**
 * Instruments for the hot path. prom-client looks a series up by its labels at each count, which costs more than the counting.
 * These return series whose plain fields are counted, and pass the values to prom-client at each scrape (`get`). Counts made by
 * prom-client's own methods are lost.
 */
type Labels = Readonly<Record<string, string>>;
type Value = MetricValueWithName<string>;

/** Each series is one set of labels. */
export class TalliedCounter extends Counter {
  readonly #series = new SeriesByLabels<Tally>(() => ({ value: 0 }));

  series(labels: Labels): Tally {
    return this.#series.of(labels);
  }

  override async get() {
    this.reset();
    for (const [labels, { value }] of this.#series) if (value > 0) this.inc(labels, value);
    return super.get();
  }
}

export class TalliedGauge extends Gauge {
  readonly #series = new SeriesByLabels<Tally>(() => ({ value: 0 }));

  series(labels: Labels): Tally {
    return this.#series.of(labels);
  }

  override async get() {
    for (const [labels, { value }] of this.#series) this.set(labels, value);
    return super.get();
  }
}

export class TalliedHistogram extends Histogram {
  readonly #described: Described<HistogramConfiguration<string>>;
  readonly #series: SeriesByLabels<Observations>;

  constructor(configuration: HistogramConfiguration<string>) {
    super(configuration);
    const bounds = configuration.buckets ?? [];
    this.#described = configuration;
    this.#series = new SeriesByLabels(() => new Observations(bounds));
  }

  series(labels: Labels): Distribution {
    return this.#series.of(labels);
  }

  override async get(): Promise<MetricObjectWithValues<Value>> {
    const { name, help, aggregator = 'sum' } = this.#described;
    const values = [...this.#series].flatMap(([labels, observations]) => observations.toValues(name, labels));
    // The types ask for the configuration's `collect`, which prom-client's own instruments do not give either.
    return { name, help, type: 'histogram', values, aggregator } as unknown as MetricObjectWithValues<Value>;
  }

  /** prom-client calls this in place of `get` when it writes text. */
  getForPromString() {
    return this.get();
  }
}

export function talliedCounterIn(registry: Registry, configuration: Described<CounterConfiguration<string>>) {
  return existing<TalliedCounter>(registry, configuration) ?? new TalliedCounter(registeredIn(registry, configuration));
}

export function talliedGaugeIn(registry: Registry, configuration: Described<GaugeConfiguration<string>>) {
  return existing<TalliedGauge>(registry, configuration) ?? new TalliedGauge(registeredIn(registry, configuration));
}

export function talliedHistogramIn(registry: Registry, configuration: Described<HistogramConfiguration<string>>) {
  return (
    existing<TalliedHistogram>(registry, configuration) ?? new TalliedHistogram(registeredIn(registry, configuration))
  );
}

function registeredIn<C>(registry: Registry, configuration: C): C & { registers: Registry[] } {
  return { ...configuration, registers: [registry] };
}

class SeriesByLabels<S> {
  readonly #byKey = new Map<string, readonly [Labels, S]>();
  readonly #create: () => S;

  constructor(create: () => S) {
    this.#create = create;
  }

  of(labels: Labels): S {
    const key = JSON.stringify(Object.entries(labels).sort());
    const known = this.#byKey.get(key) ?? [labels, this.#create()];
    this.#byKey.set(key, known);
    return known[1];
  }

  [Symbol.iterator](): Iterator<readonly [Labels, S]> {
    return this.#byKey.values();
  }
}

/** Counts each bucket alone; `toValues` adds them up, as Prometheus expects them (`le`). */
class Observations implements Distribution {
  readonly #bounds: readonly number[];
  readonly #buckets: number[];
  #count = 0;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#buckets = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.#count += 1;
    this.#sum += value;
    // Most values are in the first buckets, so a search is cheaper than a call of a function for each bound.
    let bucket = 0;
    while (bucket < this.#bounds.length && value > (this.#bounds[bucket] as number)) bucket += 1;
    if (bucket < this.#bounds.length) (this.#buckets[bucket] as number) += 1;
  }

  toValues(name: string, labels: Labels): Value[] {
    let upTo = 0;
    const buckets = this.#bounds.map((le, index) => {
      upTo += this.#buckets[index] as number;
      return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: upTo };
    });
    return [
      ...buckets,
      { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: this.#count },
      { metricName: `${name}_sum`, labels, value: this.#sum },
      { metricName: `${name}_count`, labels, value: this.#count },
    ];
  }
}
