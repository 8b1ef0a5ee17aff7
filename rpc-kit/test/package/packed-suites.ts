import { existsSync, readdirSync } from 'node:fs';
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from './run-program.ts';
import { PACKAGE, ROOT, type Tarball } from './tarball.ts';

/**
 * The suites of rpc-kit, compiled, around the unpacked tarball: as `rpc-kit` and by paths of its sources, they import the modules that
 * are published. All other packages are those of the workspace, by links.
 */
export async function createPackedSuites(folder: string, tarball: Tarball) {
  const modules = join(folder, 'node_modules');
  await mkdir(join(modules, 'rpc-kit'), { recursive: true });
  await runProgram('tar', ['-xzf', tarball.path, '--strip-components=1', '-C', join(modules, 'rpc-kit')], folder);
  for (const installed of [join(PACKAGE, 'node_modules'), join(ROOT, 'node_modules')]) {
    if (!existsSync(installed)) continue;
    for (const name of readdirSync(installed)) {
      if (!existsSync(join(modules, name))) await symlink(join(installed, name), join(modules, name));
    }
  }
  await symlink('node_modules/rpc-kit', join(folder, 'src'));
  await symlink(join(PACKAGE, 'proto'), join(folder, 'proto'));
  await writeFile(join(folder, 'package.json'), '{"type":"module","private":true}');
  const emitted = join(folder, 'emitted');
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  await runProgram(process.execPath, [tsc, '-p', import.meta.dirname, '--outDir', emitted], folder);
  await rename(join(emitted, 'test'), join(folder, 'test'));

  return {
    /** @param options of mocha */
    run(node: string, files: string, options: readonly string[] = []): Promise<string> {
      const mocha = join(modules, 'mocha/bin/mocha.js');
      const shim = join(folder, 'test/package/disposable-stack.js');
      const args = ['--no-config', '--forbid-only', '--timeout', '120000', '--reporter', 'dot', ...options, files];
      return runProgram(node, ['--import', shim, mocha, ...args], folder);
    },
  };
}
