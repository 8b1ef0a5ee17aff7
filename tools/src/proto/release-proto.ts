import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { runScript, shortPath } from 'mesh';
import { contracts } from '../contracts.ts';
import { stringifyJsonFace } from './json-face.ts';
import { BUF, PROTO_FOLDER, RELEASE } from './release.ts';

/** `make release-proto`: the contracts as they are become those that `make precommit` compares later ones with. */
await runScript(async () => {
  execFileSync(process.execPath, [BUF, 'build', PROTO_FOLDER, '--exclude-source-info', '-o', RELEASE.image]);
  writeFileSync(RELEASE.jsonFace, stringifyJsonFace(contracts));
  console.log(`Written: ${shortPath(RELEASE.image)} and ${shortPath(RELEASE.jsonFace)}`);
  return 0;
});
