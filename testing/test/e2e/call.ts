import assert from 'node:assert/strict';

const TIMEOUT_MS = 5_000;

/** Calls a method on its plain face, as curl would. */
export async function call(url: string, method: string, params: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(`${url}/${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(params),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const body = await response.text();
  assert.equal(response.status, 200, `${method}: ${body}`);
  return JSON.parse(body);
}
