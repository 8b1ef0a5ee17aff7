import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, PROJECT_DIRECTORY } from 'mesh';
import { changelogSection } from './changelog.ts';
import { judgePackage } from './judge-package.ts';
import { buildPackage, packPackage, writeSbom } from './package.ts';

export interface Release {
  /** `rpc-kit-v0.1.0`; without it, nothing is released, and the changelog needs no date yet. */
  readonly tag?: string | undefined;
  /** `https://github.com/<owner>/<name>`, which npm compares with the provenance. */
  readonly repository?: string | undefined;
  /** Where the files go. */
  readonly folder: string;
}

const RPC_KIT = join(PROJECT_DIRECTORY, 'rpc-kit');

/** Does everything but publish: the tarball, its list of packages (sbom.json) and the notes of the release (notes.md) are in the folder. */
export async function prepareRelease({
  tag,
  repository,
  folder,
}: Release): Promise<{ tarball: string; version: string }> {
  const { version } = JSON.parse(readFileSync(join(RPC_KIT, 'package.json'), 'utf8')) as { version: string };
  if (tag !== undefined && tag !== `rpc-kit-v${version}`) {
    throw new Failure(
      `The tag is ${tag}, but rpc-kit/package.json has the version ${version}: the tag has to be rpc-kit-v${version}.`,
    );
  }
  const notes = changelogSection(readFileSync(join(RPC_KIT, 'CHANGELOG.md'), 'utf8'), version, tag !== undefined);
  mkdirSync(folder, { recursive: true });
  const tarball = packInto(folder, repository);
  const mistakes = await judgePackage(tarball);
  if (mistakes.length > 0) throw new Failure(`The package has mistakes:\n${mistakes.join('\n')}`);
  writeFileSync(join(folder, 'sbom.json'), writeSbom());
  writeFileSync(join(folder, 'notes.md'), notes);
  return { tarball, version };
}

function packInto(folder: string, repository: string | undefined): string {
  const built = mkdtempSync(join(folder, 'built-'));
  try {
    buildPackage(built, repository);
    return packPackage(built, folder);
  } finally {
    rmSync(built, { recursive: true, force: true });
  }
}
