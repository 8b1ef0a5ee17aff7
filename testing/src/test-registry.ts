import { execFile } from 'node:child_process';

/** A registry that takes longer does not answer within the time of the tests either. */
const TIMEOUT_MS = 20_000;

/** Why a package cannot be installed here; undefined where it can. */
export async function missingForPackageTests(): Promise<string | undefined> {
  const args = ['view', 'zod', 'version', '--fetch-retries=0', '--prefer-online'];
  const error = await new Promise((resolve) => {
    execFile('npm', args, { timeout: TIMEOUT_MS }, (failure) => resolve(failure));
  });
  return error === null ? undefined : 'They install packages, and the registry of npm does not answer.';
}
