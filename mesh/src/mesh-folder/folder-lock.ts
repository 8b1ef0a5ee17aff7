import { accessSync, constants, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Failure } from '../failure.ts';
import { type MeshPaths, shortPath } from '../mesh-config.ts';

/**
 * One run per folder. SQLite locks the marker file: the kernel keeps the lock by inode, so it holds across process namespaces
 * and containers, and frees it when the process ends. Alternatives: docs/decisions/0020-one-run-to-a-folder.md.
 */
type FolderLock = { release(): void };

/** A process that tests the lock holds it for less than a millisecond; a run waits for that. */
const LOCK_TIMEOUT_MS = 300;
/** https://sqlite.org/rescode.html: the low byte is the code, the rest refines it. */
const SQLITE_BUSY = 5;
/** Node closes a database that is garbage, which would free the lock of a live run. */
const held = new Set<DatabaseSync>();

/** @returns undefined where another process holds it */
export function acquireFolderLock({ marker }: MeshPaths): FolderLock | undefined {
  // SQLite would silently open a file without write permission for reading.
  accessSync(marker, constants.W_OK);
  const before = identifyFile(marker);
  const database = new DatabaseSync(marker, { timeout: LOCK_TIMEOUT_MS });
  // In memory: kill -9 leaves no journal file.
  const isHeld = tryLock(database, 'PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE', marker);
  // make clean-data removes the file while it holds the lock: a lock on a removed file excludes no other run.
  if (!isHeld || before === undefined || identifyFile(marker) !== before) {
    database.close();
    return undefined;
  }
  held.add(database);
  return {
    release() {
      if (held.delete(database)) database.close();
    },
  };
}

/** Whether any process of this machine holds it, in any container. */
export function isFolderLocked({ marker }: MeshPaths): boolean {
  if (identifyFile(marker) === undefined) return false;
  const database = new DatabaseSync(marker, { readOnly: true });
  try {
    return !tryLock(database, 'SELECT 1 FROM sqlite_schema', marker);
  } finally {
    database.close();
  }
}

/** Identifies a file or folder also after it was moved; a copy has another identity. */
export function identifyFile(path: string): string | undefined {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats && `${stats.dev}:${stats.ino}`;
}

function tryLock(database: DatabaseSync, statements: string, marker: string): boolean {
  try {
    database.exec(statements);
    return true;
  } catch (error) {
    const { errcode = 0, message } = error as Error & { errcode?: number };
    if ((errcode & 0xff) === SQLITE_BUSY) return false;
    throw new Failure(
      `${shortPath(marker)} cannot be locked (${message}): it has to be an empty file on a file system with locks; set MESH_DIR to a folder on a local disk.`,
    );
  }
}
