import { Gauge, type Registry } from 'prom-client';

const NAME = 'background_failures_in_a_row';

/** `background_failures_in_a_row{background}`: 0 while the work goes well. A process has several works and one instrument. */
export function failuresInARow(registry: Registry, background: string): (failures: number) => void {
  const known = registry.getSingleMetric(NAME) as Gauge | undefined;
  const gauge = known ?? createGauge(registry);
  const series = gauge.labels({ background });
  series.set(0);
  return (failures) => series.set(failures);
}

function createGauge(registry: Registry): Gauge {
  const help = 'Rounds of background work that failed since the last one that went well, by work.';
  return new Gauge({ name: NAME, help, labelNames: ['background'], registers: [registry] });
}
