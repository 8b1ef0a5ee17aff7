/** What the end-to-end tests use to read a mesh's metrics and to compare them with docs/metrics.md. */
export type { Family } from '../src/exposition.ts';
export { differencesFromPage } from './metrics-page-check.ts';
export { readMetrics, readMetricsText } from './scrape.ts';
export { awaitDelivery, makeTraffic } from './traffic.ts';
