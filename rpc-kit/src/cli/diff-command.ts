import { readFile } from 'node:fs/promises';
import { type Change, contractChanges } from '../documents/compare/contract-changes.ts';
import { type ContractFace, parseOpenRpc, toContractFace } from '../documents/compare/contract-face.ts';
import { CliError, reasonOf } from './cli-error.ts';
import { type Command, textOf } from './command.ts';
import { checkFile, loadContract } from './load-contract.ts';

type Verdict = 'breaks callers' | 'services first' | 'compatible';

export const diff: Command = {
  usage: '<before> <after> [options]',
  summary: 'Says what changed between two versions of a contract, and whom it breaks.',
  files: 2,
  details: [
    '--json            writes the verdict and the changes as JSON',
    '',
    '<before> and <after> are modules, or documents that rpc-kit openrpc wrote or a service serves at /openrpc.json.',
    'The verdict, and the exit code:',
    '  compatible      0  callers and services of both versions fit each other',
    '  services first  0  a caller of the new version may fail at a service of the old one, so services are deployed first',
    '  breaks callers  1  a caller of the old version may fail at a service of the new one',
  ],
  options: { json: { type: 'boolean' } },
  async run([beforePath = '', afterPath = ''], values) {
    const wanted = textOf(values, 'export');
    const before = await loadFace(beforePath, wanted);
    const after = await loadFace(afterPath, wanted);
    if (before.name !== after.name) {
      throw new CliError(
        `${beforePath} is a contract of ${before.name}, and ${afterPath} of ${after.name}: pass two versions of one service.`,
      );
    }
    const changes = contractChanges(before, after);
    const verdict = verdictOn(changes);
    const output = values.json
      ? `${JSON.stringify({ service: before.name, before: before.version, after: after.version, verdict, changes }, undefined, 2)}\n`
      : describe(before, after, verdict, changes);
    return { output, exitCode: verdict === 'breaks callers' ? 1 : 0 };
  },
};

async function loadFace(path: string, wanted: string | undefined): Promise<ContractFace> {
  if (!path.endsWith('.json')) return toContractFace(await loadContract(path, wanted));
  await checkFile(path);
  try {
    return parseOpenRpc(await readFile(path, 'utf8'));
  } catch (error) {
    throw new CliError(`${path} is no OpenRPC document of a service of rpc-kit: ${reasonOf(error)}.`);
  }
}

function verdictOn(changes: readonly Change[]): Verdict {
  const parties = new Set(changes.flatMap(({ breaks }) => breaks));
  if (parties.has('callers')) return 'breaks callers';
  return parties.has('services') ? 'services first' : 'compatible';
}

function describe(before: ContractFace, after: ContractFace, verdict: Verdict, changes: readonly Change[]): string {
  const versions = before.version === after.version ? before.version : `${before.version} → ${after.version}`;
  const groups: [title: string, changes: Change[]][] = [
    ['These break callers of the old version:', []],
    ['These break callers of the new version at services of the old one, so deploy services first:', []],
    ['These break neither:', []],
  ];
  for (const change of changes) {
    const index = change.breaks.includes('callers') ? 0 : change.breaks.includes('services') ? 1 : 2;
    groups[index]?.[1].push(change);
  }
  const texts = groups
    .filter(([, those]) => those.length > 0)
    .map(
      ([title, those]) => `\n${title}\n${those.map(({ subject, sentence }) => `  ${subject}: ${sentence}\n`).join('')}`,
    );
  const count =
    changes.length === 0 ? 'nothing changed' : changes.length === 1 ? '1 change' : `${changes.length} changes`;
  return `${before.name} ${versions}: ${verdict}, ${count}.\n${texts.join('')}`;
}
