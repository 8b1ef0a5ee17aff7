import { readFileSync } from 'node:fs';
import { runScript } from 'mesh';
import { contracts } from '../contracts.ts';
import { breakingChanges } from './breaking-changes.ts';
import { parseJsonFace, stringifyJsonFace } from './json-face.ts';
import { RELEASE } from './release.ts';

/** Fails when a contract has changed in a way that breaks callers of the JSON faces. */
await runScript(async () => {
  const released = parseJsonFace(readFileSync(RELEASE.jsonFace, 'utf8'));
  const changes = breakingChanges(released, parseJsonFace(stringifyJsonFace(contracts)));
  if (changes.length === 0) return 0;
  console.error(`These changes break callers that were written for the last release:\n${changes.join('\n')}
Undo them, or, if no such caller is left, accept them by make release-proto.`);
  return 1;
});
