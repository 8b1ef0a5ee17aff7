import { setTimeout as sleep } from 'node:timers/promises';
import { hideUrlSecrets } from 'rpc-kit/urls';

/** A failure we foresaw: the message is one sentence that says what happened and how to mend it, so no stack is shown. */
export class Failure extends Error {
  override name = 'Failure';
}

const SAID_IN_ONE_SENTENCE = new Set(['Failure', 'MigrationError']);
/** Nobody may be reading any more. */
const FLUSH_TIMEOUT_MS = 500;

/** Runs a script's main function; its number is the exit code, and a foreseen failure is one line on stderr. */
export async function runScript(main: () => Promise<number | undefined>): Promise<void> {
  // The reader of a pipe may leave early, as head does: the rest of the output is dropped.
  process.stdout.on('error', () => {});
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    process.exitCode = 1;
    console.error(hideUrlSecrets(describeFailure(error)));
  }
  await flushOutput();
  process.exit();
}

/** What still lingers (a poll, a kept-alive socket) must not hold up the end, but everything said has to be out. */
async function flushOutput(): Promise<void> {
  const flushed = [process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write('', resolve)));
  await Promise.race([Promise.all(flushed), sleep(FLUSH_TIMEOUT_MS)]);
}

/** What the machine refuses, and what to do about it. */
const REFUSALS: Record<string, string> = {
  ENOSPC: 'the disk is full: free some space',
  EROFS: 'the file system is read-only: set MESH_DIR to a folder that can be written',
  EACCES: 'this user may not: call make as the user who owns it, or set MESH_DIR to a folder of your own',
  EPERM: 'this user may not: call make as the user who owns it, or set MESH_DIR to a folder of your own',
  EMFILE: 'too many files are open: raise the limit (ulimit -n 4096)',
};

export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (SAID_IN_ONE_SENTENCE.has(error.name)) return error.message;
  const { code = '', path, syscall } = error as NodeJS.ErrnoException;
  const refusal = REFUSALS[code];
  if (refusal !== undefined) return `${path ?? 'A file'} cannot be used (${syscall ?? code}), ${refusal}.`;
  return error.stack ?? error.message;
}
