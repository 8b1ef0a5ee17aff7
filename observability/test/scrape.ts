import assert from 'node:assert/strict';
import { type Family, parseExposition } from '../src/exposition.ts';

const TIMEOUT_MS = 5_000;

/** The body of /metrics of the service at the URL. */
export async function readMetricsText(url: string): Promise<string> {
  const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  assert.equal(response.status, 200);
  return response.text();
}

export async function readMetrics(url: string): Promise<Family[]> {
  return parseExposition(await readMetricsText(url));
}
