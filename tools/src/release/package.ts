import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_DIRECTORY, SERVICES } from 'mesh';
import { sbomOfPackage } from './sbom.ts';

/** A limit against hanging: a build takes some seconds. */
const TIMEOUT_MS = 120_000;
/** The list of all packages of the workspace has about a megabyte. */
const OUTPUT_BYTES_MAX = 32_000_000;

/**
 * Writes the package as it is published to a folder, without packing it.
 * @param repository of a release
 */
export function buildPackage(folder: string, repository?: string): void {
  run(process.execPath, [
    join(PROJECT_DIRECTORY, 'rpc-kit/build/build.ts'),
    folder,
    ...(repository ? [repository] : []),
  ]);
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
  return sbomText('rpc-kit', new Map());
}

/** The same of all services together, as an image of them has it. */
export function writeSbomOfServices(): string {
  return sbomText('order-mesh', new Map([['order-mesh', SERVICES]]));
}

function sbomText(name: string, brought: ReadonlyMap<string, readonly string[]>): string {
  const { workspaces } = readManifest('.');
  const all = JSON.parse(run('npm', ['sbom', '--sbom-format', 'cyclonedx']));
  const own = sbomOfPackage(all, name, new Map([...workspaces.map(installedBy), ...brought]));
  return `${JSON.stringify(own, undefined, 2)}\n`;
}

function installedBy(workspace: string): [string, readonly string[]] {
  const { name, dependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = readManifest(workspace);
  const required = Object.keys(peerDependencies).filter((peer) => !peerDependenciesMeta[peer]?.optional);
  return [name, [...Object.keys(dependencies), ...required]];
}

interface Manifest {
  readonly name: string;
  readonly workspaces: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(PROJECT_DIRECTORY, folder, 'package.json'), 'utf8'));
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
