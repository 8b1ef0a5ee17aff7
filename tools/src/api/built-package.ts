import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { PROJECT_DIRECTORY } from 'mesh';
import { buildPackage } from '../release/package.ts';

/** rpc-kit as it is published, with its public entries. */
export interface BuiltPackage extends Disposable {
  readonly folder: string;
  readonly entries: readonly Entry[];
}

export interface Entry {
  /** `index`, or `metrics` for rpc-kit/metrics. */
  readonly name: string;
  /** What code imports: `rpc-kit/metrics`. */
  readonly specifier: string;
  /** The path of its .d.ts file. */
  readonly declarations: string;
}

/** How a user's compiler reads the declarations. */
export const COMPILER_OPTIONS = {
  target: 'es2023',
  lib: ['esnext'],
  module: 'nodenext',
  moduleResolution: 'nodenext',
  types: ['node'],
  strict: true,
  skipLibCheck: true,
};

/** Inside of the project, where the packages of its types are found. */
export function buildForReading(): BuiltPackage {
  const folder = mkdtempSync(join(PROJECT_DIRECTORY, 'rpc-kit/.api-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    buildPackage(folder);
    return { folder, entries: readEntries(folder), [Symbol.dispose]: remove };
  } catch (error) {
    remove();
    throw error;
  }
}

function readEntries(folder: string): Entry[] {
  const { name, exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return Object.entries<{ types?: string }>(exports).flatMap(([entry, { types }]) =>
    types === undefined
      ? []
      : {
          name: entry === '.' ? 'index' : basename(entry),
          specifier: entry === '.' ? name : `${name}/${basename(entry)}`,
          declarations: join(folder, types),
        },
  );
}
