import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { runProgram } from './run-program.ts';
import { ROOT, type Tarball } from './tarball.ts';

/** The types of the oldest Node, as a project on it has them, and what README's test needs. */
const TYPES = ['@types/node@22.20.5', '@types/mocha@10.0.10'];

/** The compilers of TypeScript 5.9, which tools has, and 7, which checks the workspace. */
const COMPILERS = [join(ROOT, 'tools/node_modules/typescript'), join(ROOT, 'node_modules/typescript')];

/** Beside the settings of README. */
const RESOLUTIONS = {
  nodenext: { skipLibCheck: false },
  bundler: { skipLibCheck: false, module: 'esnext', moduleResolution: 'bundler', noEmit: true },
};

/** A project of a stranger in a folder of its own, where npm has installed the tarball from an empty cache. */
export interface Consumer {
  /** What npm has installed. */
  readonly packages: readonly string[];
  /** Compiles the files with each compiler and each resolution. @throws {Error} with what a compiler says */
  compile(): Promise<void>;
  /** Runs a compiled file to its end. */
  run(node: string, file: string): Promise<string>;
  /** Runs the command `rpc-kit`, as npx does. */
  runCommand(node: string, ...args: string[]): Promise<string>;
  /** Starts a compiled file that serves, and waits for its first line. */
  start(node: string, file: string): Promise<Started>;
}

interface Started {
  readonly firstLine: string;
  /** As Ctrl-C does. Gives the exit code. */
  interrupt(): Promise<number | null>;
}

interface ConsumerParts {
  readonly tarball: Tarball;
  readonly packages: readonly string[];
  /** Text by name, in the folder `examples`. */
  readonly files: Readonly<Record<string, string>>;
  /** The tsconfig.json of README. */
  readonly settings: string;
}

export async function createConsumer(folder: string, parts: ConsumerParts): Promise<Consumer> {
  await mkdir(join(folder, 'examples'), { recursive: true });
  await writeFile(join(folder, 'package.json'), '{"type":"module","private":true}');
  const options = ['--no-audit', '--no-fund', '--cache', join(folder, 'cache')];
  await runProgram('npm', ['install', ...options, parts.tarball.path, ...TYPES, ...parts.packages], folder);
  for (const [name, text] of Object.entries(parts.files)) await writeFile(join(folder, 'examples', name), text);
  await writeFile(join(folder, 'tsconfig.json'), parts.settings);
  for (const [name, compilerOptions] of Object.entries(RESOLUTIONS)) {
    const settings = { extends: './tsconfig.json', compilerOptions };
    await writeFile(join(folder, `tsconfig.${name}.json`), JSON.stringify(settings));
  }
  return {
    packages: await listPackages(join(folder, 'node_modules')),
    async compile() {
      for (const compiler of COMPILERS) {
        for (const name of Object.keys(RESOLUTIONS)) {
          await runProgram(process.execPath, [join(compiler, 'bin/tsc'), '-p', `tsconfig.${name}.json`], folder);
        }
      }
    },
    run: (node, file) => runProgram(node, [join('out/examples', file)], folder),
    runCommand: (node, ...args) => runProgram(node, ['node_modules/.bin/rpc-kit', ...args], folder),
    start: (node, file) => start(node, join('out/examples', file), folder),
  };
}

async function start(node: string, file: string, cwd: string): Promise<Started> {
  const child = spawn(node, [file], { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  return {
    firstLine: await firstLineOf(child),
    async interrupt() {
      child.kill('SIGINT');
      return (await ended)[0];
    },
  };
}

async function firstLineOf({ stdout }: ChildProcess): Promise<string> {
  if (stdout) for await (const line of createInterface(stdout)) return line;
  throw new Error('The example ended without a word');
}

async function listPackages(modules: string): Promise<string[]> {
  const names = (await readdir(modules)).filter((name) => !name.startsWith('.'));
  const listed = names.map(async (name) => {
    return name.startsWith('@') ? (await readdir(join(modules, name))).map((each) => `${name}/${each}`) : [name];
  });
  return (await Promise.all(listed)).flat();
}
