import assert from 'node:assert/strict';
import type { TestMesh } from 'testing';
import { runTool } from 'tools/precommit';
import { PASSWORD } from './people.ts';

/** `make check-invariants`, which also searches the logs for secrets. */
export async function assertMeshHolds({ variables }: Pick<TestMesh, 'variables'>): Promise<void> {
  const { passed, output } = await runTool(['tools/src/check-invariants.ts'], { ...variables, SECRETS: PASSWORD });
  assert.ok(passed, output);
  for (const rule of ['S1', 'S3', 'O1', 'E1', 'E2', 'A2']) assert.match(output, new RegExp(`^${rule} +holds`, 'm'));
}
