import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';

/** A replica that completes the journal of a stopped one holds the lock for a moment. */
const WAIT_MAX_MS = 5_000;
const POLL_MS = 100;
/** https://www.sqlite.org/rescode.html#busy */
const SQLITE_BUSY = 5;

/** Another process holds the lock. */
export class JournalInUse extends Error {
  override readonly name = 'JournalInUse';
}

/**
 * Locks the file against all other processes of this machine until it is disposed or the process ends, even by SIGKILL. Node has
 * no file locks, so SQLite locks an empty database beside the file (https://www.sqlite.org/lockingv3.html).
 * @throws {JournalInUse}
 */
export async function lockJournal(path: string, { waitMs = WAIT_MAX_MS } = {}): Promise<Disposable> {
  const waitedUntil = performance.now() + waitMs;
  for (;;) {
    const lock = tryLock(`${path}.lock`);
    if (lock) return lock;
    if (performance.now() >= waitedUntil) {
      throw new JournalInUse(
        `The journal ${path} is being written by another process: each replica needs a JOURNAL_FILE of its own.`,
        // The message is complete; a cause keeps the stack out of the log.
        { cause: 'locked' },
      );
    }
    await pause(POLL_MS);
  }
}

function tryLock(path: string): Disposable | undefined {
  const database = openDatabase(path);
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return undefined;
    throw error;
  }
  return { [Symbol.dispose]: () => database.close() };
}

function openDatabase(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path);
  } catch (cause) {
    // SQLite says only that it was "unable to open database file".
    throw new Error(`${path} cannot be created: JOURNAL_FILE has to be in a folder that can be written.`, { cause });
  }
}
