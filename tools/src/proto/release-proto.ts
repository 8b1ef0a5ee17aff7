import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { runScript, shortPath } from 'mesh';
import { stringifyContractFaces, toContractFace } from 'rpc-kit/compare';
import { contracts } from '../contracts.ts';
import { BUF, PROTO_FOLDER, RELEASE } from './release.ts';

/** `make release-proto`: the contracts as they are become those that `make precommit` compares later ones with. */
await runScript(async () => {
  execFileSync(process.execPath, [BUF, 'build', PROTO_FOLDER, '--exclude-source-info', '-o', RELEASE.image]);
  writeFileSync(RELEASE.jsonFaces, stringifyContractFaces(contracts.map(toContractFace)));
  console.log(`Written: ${shortPath(RELEASE.image)} and ${shortPath(RELEASE.jsonFaces)}`);
  return 0;
});
