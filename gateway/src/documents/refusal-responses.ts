import { ref } from './openapi-headers.ts';
import type { Refusal } from './refusals.ts';

/** Refusals as responses of an operation, by status. */
export function refusalResponses(
  all: readonly Refusal[],
  headersOf: (status: number) => Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const byStatus = Map.groupBy(all, ({ status }) => status);
  return Object.fromEntries(
    [...byStatus].map(([status, refusals]) => [
      status,
      {
        description: refusals.map(wordsOf).join('\n'),
        headers: headersOf(status),
        content: {
          'application/json': { schema: ref('schemas', 'Error'), examples: examplesOf(refusals) },
          'application/problem+json': { schema: ref('schemas', 'Problem') },
        },
      },
    ]),
  );
}

function wordsOf({ code, reason, when }: Refusal): string {
  return `- ${reason ? `${reason} (${code})` : code}: ${when}`;
}

function examplesOf(refusals: readonly Refusal[]): Record<string, unknown> {
  return Object.fromEntries(
    refusals.map(({ code, reason, when }) => [
      reason ?? code,
      {
        value: { error: { code, ...(reason && { reason }), message: when.replace(/\.$/, ''), requestId: EXAMPLE_ID } },
      },
    ]),
  );
}

const EXAMPLE_ID = '0b0c8a9e-4a55-4f0c-9d2a-3f7d8f6f1a01';
