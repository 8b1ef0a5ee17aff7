import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from './run-program.ts';

/** The versions that the package must run on, besides that of the workspace: the oldest one that it names, and the one in between. */
export const OLD_NODES = { oldest: '22.19.0', middle: '24.21.0' } as const;

export type OldNode = keyof typeof OLD_NODES;

/** Installs them from npm. @returns the programs */
export async function installOldNodes(folder: string): Promise<Readonly<Record<OldNode, string>>> {
  await mkdir(folder);
  // The package node has an install script that fetches the program of the platform.
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, allowScripts: { node: true } }));
  const packages = Object.entries(OLD_NODES).map(([name, version]) => `${name}@npm:node@${version}`);
  await runProgram('npm', ['install', '--no-audit', '--no-fund', ...packages], folder);
  const programOf = (name: OldNode): string => join(folder, 'node_modules', name, 'bin/node');
  return { oldest: programOf('oldest'), middle: programOf('middle') };
}
