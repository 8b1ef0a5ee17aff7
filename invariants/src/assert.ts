import assert from 'node:assert/strict';
import { type CheckOptions, checkInvariants } from './check.ts';
import type { Row } from './query.ts';
import type { Sources } from './rule.ts';

/** What breaks rules, by rule and part of the rule: `{'S2, the counter': [{sku: 1n, …}]}`. */
export async function findBroken(sources: Sources, options?: CheckOptions): Promise<Record<string, Row[]>> {
  const broken: Record<string, Row[]> = {};
  for (const verdict of await checkInvariants(sources, options)) {
    if (verdict.verdict !== 'broken') continue;
    for (const { check, row } of verdict.violations) {
      const part = `${verdict.id}, ${check}`;
      broken[part] = [...(broken[part] ?? []), row];
    }
  }
  return broken;
}

/** For the end of a test: no rule that the sources show is broken. */
export async function assertInvariants(sources: Sources, options?: CheckOptions): Promise<void> {
  assert.deepEqual(await findBroken(sources, options), {}, 'these rows break the rules they stand under');
}
