import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { findRunningMesh, PROJECT_DIRECTORY, runScript } from 'mesh';

/** `make admin EMAIL=…`, on the running mesh. */
await runScript(async () => {
  const { databaseUrls } = findRunningMesh(process.env);
  const child = spawn(process.execPath, [join(PROJECT_DIRECTORY, 'accounts/src/make-admin.ts')], {
    cwd: PROJECT_DIRECTORY,
    env: { ...process.env, DATABASE_URL: databaseUrls.accounts },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = await once(child, 'exit');
  return code ?? 1;
});
