import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_DIRECTORY } from 'mesh';
import { sbomOfPackage } from './sbom.ts';

/** A limit against hanging: a build takes some seconds. */
const TIMEOUT_MS = 120_000;
/** The list of all packages of the workspace has about a megabyte. */
const OUTPUT_BYTES_MAX = 32_000_000;

/** Writes the package as it is published to a folder, without packing it. */
export function buildPackage(folder: string): void {
  run(process.execPath, [join(PROJECT_DIRECTORY, 'rpc-kit/build/build.ts'), folder]);
}

/** @returns the path of the tarball in the folder */
export function packPackage(built: string, folder: string): string {
  const words = ['pack', built, '--pack-destination', folder, '--json', '--ignore-scripts'];
  // npm 12 prints an object by name, earlier versions print a list.
  const [packed] = Object.values<{ filename: string }>(JSON.parse(run('npm', words)));
  if (!packed) throw new Error(`npm packed nothing of ${built}`);
  return join(folder, packed.filename);
}

/** A list of the packages that rpc-kit brings with it, in the versions of package-lock.json, in the form of CycloneDX. */
export function writeSbom(): string {
  const { dependencies, peerDependencies, peerDependenciesMeta } = JSON.parse(
    readFileSync(join(PROJECT_DIRECTORY, 'rpc-kit/package.json'), 'utf8'),
  );
  const required = Object.keys(peerDependencies).filter((name) => !peerDependenciesMeta[name]?.optional);
  const all = JSON.parse(run('npm', ['sbom', '--sbom-format', 'cyclonedx']));
  const own = sbomOfPackage(all, 'rpc-kit', [...Object.keys(dependencies), ...required]);
  return `${JSON.stringify(own, undefined, 2)}\n`;
}

function run(program: string, words: string[]): string {
  const options = {
    cwd: PROJECT_DIRECTORY,
    timeout: TIMEOUT_MS,
    encoding: 'utf8',
    maxBuffer: OUTPUT_BYTES_MAX,
  } as const;
  return execFileSync(program, words, { ...options, stdio: ['ignore', 'pipe', 'inherit'] });
}
