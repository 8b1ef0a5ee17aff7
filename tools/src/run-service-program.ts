import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type DatabaseName, findRunningMesh, PROJECT_DIRECTORY } from 'mesh';

/**
 * Runs a program of a service on its database in the running mesh.
 * @param program the file in the service's `src`
 * @returns the exit code
 */
export async function runServiceProgram(
  service: DatabaseName,
  program: string,
  ...programArguments: readonly string[]
): Promise<number> {
  const { databaseUrls, sinks } = findRunningMesh(process.env);
  const child = spawn(process.execPath, [join(PROJECT_DIRECTORY, service, 'src', program), ...programArguments], {
    cwd: PROJECT_DIRECTORY,
    // A replayed event is delivered to the mesh's own journal and webhook.
    env: { ...process.env, ...sinks, DATABASE_URL: databaseUrls[service] },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = await once(child, 'exit');
  return code ?? 1;
}
