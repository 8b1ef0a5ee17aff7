import type { PerService } from 'testing';
import type { Family } from '../src/exposition.ts';
import { type DescribedMetric, readMetricsPage } from '../src/metrics-page.ts';
import { readMetrics } from './scrape.ts';

/** Every series has `service`; histograms have `le`. */
const LABELS_OF_ALL = ['service', 'le'];

/**
 * The differences between docs/metrics.md and a running mesh, as sentences.
 * @param events their transport in this mesh, which decides the metrics that it has to expose
 */
export async function differencesFromPage(urls: PerService<string>, events: 'rpc' | 'kafka'): Promise<string[]> {
  const page = readMetricsPage();
  const differences: string[] = [];
  for (const [service, url] of Object.entries(urls)) {
    const shown = await readMetrics(url);
    const described = page.filter(({ services }) => services.includes(service));
    for (const family of shown) differences.push(...differencesOf(service, family, described));
    const names = new Set(shown.map(({ name }) => name));
    // In a mesh with Kafka, loms makes no calls, so its client metrics are checked in the mesh without.
    const missing = described.filter(({ name, needsKafka }) => needsKafka === (events === 'kafka') && !names.has(name));
    differences.push(...missing.map(({ name }) => `${service} does not show ${name}, which docs/metrics.md describes`));
  }
  return differences;
}

function differencesOf(
  service: string,
  { name, type, help, series }: Family,
  page: readonly DescribedMetric[],
): string[] {
  const row = page.find((described) => described.name === name);
  if (!row) return [`docs/metrics.md lacks ${name} of ${service}, a ${type}: ${help}`];
  const known = new Set([...row.labels, ...LABELS_OF_ALL]);
  const labels = new Set(series.flatMap((each) => Object.keys(each.labels)).filter((label) => !known.has(label)));
  return [
    ...(row.type === type ? [] : [`${name} is a ${type}, not a ${row.type}`]),
    ...(row.help === help ? [] : [`the meaning of ${name} is: ${help}`]),
    ...Array.from(labels, (label) => `${name} has a label ${label}, too`),
  ];
}
