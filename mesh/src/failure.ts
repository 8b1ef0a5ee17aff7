import { setTimeout as sleep } from 'node:timers/promises';
import { hideUrlSecrets } from 'rpc-kit/urls';

/** A foreseen failure: its message is one sentence that says what happened and what to do, so no stack is shown. */
export class Failure extends Error {
  override name = 'Failure';
}

const SHOWN_WITHOUT_STACK = new Set(['Failure', 'MigrationError']);
/** A reader of the output may have stopped reading. */
const FLUSH_TIMEOUT_MS = 500;

/** Runs a script's main function; its number is the exit code, and a foreseen failure is one line on stderr. */
export async function runScript(main: () => Promise<number | undefined>): Promise<void> {
  // The reader of a pipe may close it early, as head does: the rest of the output is dropped.
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

/** An open timer or socket must not delay the exit, but all output has to be written. */
async function flushOutput(): Promise<void> {
  const flushed = [process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write('', resolve)));
  await Promise.race([Promise.all(flushed), sleep(FLUSH_TIMEOUT_MS)]);
}

/** Errors of the system, with what to do about each. */
const REFUSALS: Record<string, string> = {
  ENOSPC: 'the disk is full: free some space',
  EROFS: 'the file system is read-only: set MESH_DIR to a folder that can be written',
  EACCES: 'this user lacks the permission: call make as its owner, or set MESH_DIR to a folder of your own',
  EPERM: 'this user lacks the permission: call make as its owner, or set MESH_DIR to a folder of your own',
  EMFILE: 'too many files are open: raise the limit (ulimit -n 4096)',
};

export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (SHOWN_WITHOUT_STACK.has(error.name)) return error.message;
  const { code = '', path, syscall } = error as NodeJS.ErrnoException;
  if (syscall === 'kill' && code === 'EPERM') return 'The mesh belongs to another user: call make as that user.';
  const refusal = REFUSALS[code];
  if (refusal !== undefined) return `${path ?? 'A file'} cannot be used (${syscall ?? code}), ${refusal}.`;
  return error.stack ?? error.message;
}
