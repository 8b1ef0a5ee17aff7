import { type DescribedMetric, readMetricsPage } from './metrics-page.ts';
import { selectionOf } from './promql.ts';

/** Series that Prometheus itself adds (https://prometheus.io/docs/concepts/jobs_instances/). */
const OF_PROMETHEUS = {
  up: [],
  ALERTS: ['alertname', 'alertstate', 'severity'],
} as Readonly<Record<string, readonly string[]>>;
const LABELS_OF_ALL = ['service', 'instance', 'job', 'le'];
const HISTOGRAM_PARTS = /_(bucket|sum|count)$/;

/** The metrics and labels of a query that docs/metrics.md does not describe, as sentences. */
export function unknownIn(query: string): string[] {
  const page = new Map(readMetricsPage().map((metric) => [metric.name, metric]));
  const { metrics, labels } = selectionOf(query);
  const labelsOf = (name: string) => OF_PROMETHEUS[name] ?? find(page, name)?.labels;
  const known = new Set([...LABELS_OF_ALL, ...metrics.flatMap((name) => labelsOf(name) ?? [])]);
  return [
    ...metrics.filter((name) => labelsOf(name) === undefined).map((name) => `there is no metric ${name}`),
    ...labels.filter((label) => !known.has(label)).map((label) => `no metric of it has a label ${label}`),
  ];
}

function find(page: ReadonlyMap<string, DescribedMetric>, name: string): DescribedMetric | undefined {
  const part = HISTOGRAM_PARTS.test(name) ? page.get(name.replace(HISTOGRAM_PARTS, '')) : undefined;
  if (part?.type === 'histogram') return part;
  const whole = page.get(name);
  return whole?.type === 'histogram' ? undefined : whole;
}
