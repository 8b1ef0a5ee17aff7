import { readFileSync } from 'node:fs';
import { runScript } from 'mesh';
import { type ContractFace, contractChanges, parseContractFaces, toContractFace } from 'rpc-kit/compare';
import { contracts } from '../contracts.ts';
import { RELEASE } from './release.ts';

/** Fails when a contract has changed in a way that breaks callers of the JSON faces. */
await runScript(async () => {
  const faces = new Map(contracts.map((contract) => [contract.name, toContractFace(contract)]));
  const changes = parseContractFaces(readFileSync(RELEASE.jsonFaces, 'utf8')).flatMap((released) =>
    breakingChanges(released, faces.get(released.name)),
  );
  if (changes.length === 0) return 0;
  console.error(`These changes break callers that were written for the last release:\n${changes.join('\n')}
Undo them, or, if no such caller is left, accept them by make release-proto.`);
  return 1;
});

function breakingChanges(released: ContractFace, now: ContractFace | undefined): string[] {
  if (!now) return [`${released.name}: the service is gone.`];
  return contractChanges(released, now)
    .filter(({ breaks }) => breaks.includes('callers'))
    .map(({ subject, sentence }) => `${released.name}.${subject}: ${sentence}`);
}
