import assert from 'node:assert/strict';
import type { ServiceName } from 'mesh';
import type { TestMesh } from 'testing';

const TIMEOUT_MS = 5_000;

/** Calls a method on its plain face as the gateway, as curl would. */
export async function call(
  { urls, caller }: Pick<TestMesh, 'urls' | 'caller'>,
  service: ServiceName,
  method: string,
  params: unknown,
  headers: Record<string, string> = {},
): Promise<Record<string, unknown>> {
  const authorization = `Bearer ${await caller.tokenFor(service)}`;
  const response = await fetch(`${urls[service]}/${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization, ...headers },
    body: JSON.stringify(params),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const body = await response.text();
  assert.equal(response.status, 200, `${method}: ${body}`);
  return JSON.parse(body);
}
