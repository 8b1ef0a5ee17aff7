import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, readdir, readlink, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** The project as it was at a commit, ready to run. */
export interface EarlierBuild extends AsyncDisposable {
  readonly folder: URL;
  /** Short, for people. */
  readonly commit: string;
}

/** Its message is a sentence for the user. */
export class MissingCommit extends Error {}

/**
 * Puts the files of a commit into a temporary folder. They use the packages that are installed here, and each other.
 * @throws {MissingCommit} when this clone does not have the commit
 */
export async function checkOutEarlier(ref: string): Promise<EarlierBuild> {
  const git = (...args: string[]) => run('git', ['-C', PROJECT, ...args]);
  const found = await git('rev-parse', '--verify', '--quiet', '--short', `${ref}^{commit}`).catch(() => undefined);
  if (!found) {
    throw new MissingCommit(
      `This clone does not have the commit ${ref}: fetch the whole history (git fetch --unshallow), or name another commit.`,
    );
  }
  const commit = found.stdout.trim();
  const folder = await mkdtemp(join(tmpdir(), `order-mesh-${commit}-`));
  const dispose = () => rm(folder, { recursive: true, force: true });
  try {
    const archive = join(folder, 'archive.tar');
    await git('archive', '--output', archive, commit);
    await run('tar', ['-xf', archive, '-C', folder]);
    await rm(archive);
    await linkPackages(folder);
  } catch (error) {
    await dispose();
    throw error;
  }
  return { folder: pathToFileURL(`${folder}/`), commit, [Symbol.asyncDispose]: dispose };
}

async function linkPackages(folder: string): Promise<void> {
  const installed = join(PROJECT, 'node_modules');
  await mkdir(join(folder, 'node_modules'));
  for (const name of await readdir(installed)) {
    const path = join(installed, name);
    const isWorkspace = (await lstat(path)).isSymbolicLink();
    // A workspace is a relative link, which leads to the earlier workspace when it is copied.
    await symlink(isWorkspace ? await readlink(path) : path, join(folder, 'node_modules', name));
    const own = join(installed, name, 'node_modules');
    if (isWorkspace && existsSync(own) && existsSync(join(folder, name))) {
      await symlink(own, join(folder, name, 'node_modules'));
    }
  }
}
