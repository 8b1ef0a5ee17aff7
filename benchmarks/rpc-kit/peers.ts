import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));

/** Installs the frameworks that rpc-kit is compared with, unless they are installed. Without them, those contenders are left out. */
export async function installPeers(log: (line: string) => void): Promise<void> {
  // npm writes this file last.
  const installedAt = await changedAt('node_modules/.package-lock.json');
  if (installedAt >= (await changedAt('package-lock.json'))) return;
  log('Installing the peers into benchmarks/rpc-kit/node_modules (npm ci); the first time this takes a while.');
  const npm = spawn('npm', ['ci'], { cwd: FOLDER, env: ownEnvironment(), stdio: 'inherit' });
  const [code] = await once(npm, 'exit');
  if (code !== 0) log(`npm ci failed with exit code ${code}: contenders whose packages are missing will be left out.`);
}

async function changedAt(file: string): Promise<number> {
  try {
    return (await stat(new URL(file, import.meta.url))).mtimeMs;
  } catch {
    return 0;
  }
}

/** Without the variables by which an outer npm would make this one install the workspace. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) =>
      !/^npm_(config_(workspaces?|local_prefix|include_workspace_root|prefix)$|package_|lifecycle_)/i.test(name),
  );
  return Object.fromEntries(own);
}
