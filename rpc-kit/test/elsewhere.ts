import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PACKAGES = fileURLToPath(new URL('../../node_modules', import.meta.url));
const RPC_KIT = fileURLToPath(new URL('..', import.meta.url));
/** The packages that the README installs. */
const INSTALLED = [
  ...['zod', 'pino', 'mocha', '@types/node', '@types/mocha'],
  ...['express', '@types/express', 'fastify', 'hono', 'arktype'],
];

/** A project outside of the repository, as `npm install` of a folder makes it: with a link to that folder. */
export interface Elsewhere {
  /** Starts one of the files, whose ports are free ones, and waits until it says where it serves. */
  start(file: string): Promise<Started>;
  /** @returns the errors of tsc */
  check(tsconfig: string): Promise<string>;
  remove(): Promise<void>;
}

export interface Started extends AsyncDisposable {
  readonly url: string;
  /** As Ctrl-C does. Gives the exit code. */
  interrupt(): Promise<number | null>;
}

export async function createElsewhere(files: readonly (readonly [name: string, code: string])[]): Promise<Elsewhere> {
  const folder = await mkdtemp(join(tmpdir(), 'rpc-kit-elsewhere-'));
  await mkdir(join(folder, 'examples'));
  await mkdir(join(folder, 'node_modules/@types'), { recursive: true });
  await symlink(RPC_KIT, join(folder, 'node_modules/rpc-kit'));
  for (const name of INSTALLED) await symlink(join(PACKAGES, name), join(folder, 'node_modules', name));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  for (const [name, code] of files) {
    await writeFile(join(folder, 'examples', name), code.replaceAll(/port: 700\d/g, 'port: 0'));
  }
  return {
    start: (file) => start(folder, file),
    async check(tsconfig) {
      await writeFile(join(folder, 'tsconfig.json'), tsconfig);
      const tsc = join(PACKAGES, 'typescript/bin/tsc');
      return new Promise((resolve) => {
        execFile(process.execPath, [tsc, '-p', folder], (error, stdout, stderr) => {
          resolve(error ? stdout + stderr + error.message : stdout);
        });
      });
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function start(folder: string, file: string): Promise<Started> {
  const child = spawn(process.execPath, [join('examples', file)], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const interrupt = async (): Promise<number | null> => {
    child.kill('SIGINT');
    return (await ended)[0];
  };
  return {
    url: await addressOf(child),
    interrupt,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) await interrupt();
    },
  };
}

async function addressOf({ stdout }: ChildProcess): Promise<string> {
  if (stdout) {
    for await (const line of createInterface(stdout)) {
      const url = /http:\/\/[^"/]+/.exec(line)?.[0];
      if (url) return url;
    }
  }
  throw new Error('The example ended without a word of where it serves');
}
