import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from './run-program.ts';

export const PACKAGE = join(import.meta.dirname, '../..');
export const ROOT = join(PACKAGE, '..');

export interface Tarball {
  readonly path: string;
  /** Of its bytes. */
  readonly integrity: string;
  readonly files: readonly string[];
}

/** Builds the package in the folder and packs it there. */
export async function packTarball(folder: string): Promise<Tarball> {
  await mkdir(folder, { recursive: true });
  const built = join(folder, 'dist');
  await runProgram(process.execPath, [join(PACKAGE, 'build/build.ts'), built], folder);
  const args = ['pack', built, '--pack-destination', folder, '--json'];
  const printed = JSON.parse(await runProgram('npm', args, folder));
  const [{ filename, integrity, files }] = Object.values(printed) as [PackedJson];
  return { path: join(folder, filename), integrity, files: files.map(({ path }) => path) };
}

/** npm 12 prints an object by name, npm 11 and earlier an array. */
interface PackedJson {
  readonly filename: string;
  readonly integrity: string;
  readonly files: readonly { readonly path: string }[];
}
