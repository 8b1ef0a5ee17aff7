import { readFileSync } from 'node:fs';
import { checkPackage, createPackageFromTarballData, type Problem } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

/**
 * A sentence for each mistake in a tarball: of its package.json, as publint judges it, and of its types, as Are The Types Wrong does.
 */
export async function judgePackage(tarball: string): Promise<string[]> {
  const bytes = new Uint8Array(readFileSync(tarball));
  const { messages, pkg } = await publint({ pack: { tarball: bytes.buffer }, strict: true });
  const types = await checkPackage(createPackageFromTarballData(bytes));
  return [
    ...messages.map((message) => `publint: ${formatMessage(message, pkg, { color: false })}`),
    ...(types.types ? types.problems.filter(isMistake).map(describeProblem) : ['attw: there are no types.']),
  ];
}

/**
 * The package is ESM only. So `require` gives an ES module, which Node supports from 22.12 on, and TypeScript's `node10`, which knows no
 * `exports`, is not supported. All else counts, for `bundler` and for `node16` from both kinds of modules.
 */
function isMistake(problem: Problem): boolean {
  if (problem.kind === 'CJSResolvesToESM') return false;
  return !('resolutionKind' in problem && problem.resolutionKind === 'node10');
}

function describeProblem(problem: Problem): string {
  return `attw: ${Object.values(problem)
    .filter((value) => typeof value === 'string')
    .join(' ')}`;
}
