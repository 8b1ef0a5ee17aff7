/** For end-to-end tests: reads the metrics of a mesh and compares them with docs/metrics.md. */
export type { Family } from '../src/exposition.ts';
export { differencesFromPage } from './metrics-page-check.ts';
export { joinGateway, useGateway } from './people.ts';
export { readMetrics, readMetricsText } from './scrape.ts';
export { awaitDelivery, makeTraffic } from './traffic.ts';
