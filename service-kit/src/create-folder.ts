import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Creates a folder and its parents one by one. Node's own `recursive` never returns where the system reports a missing parent
 * for a folder that cannot be created, as in /proc.
 */
export function createFolder(directory: string, mode?: number): void {
  if (isFolder(directory)) return;
  createFolder(dirname(directory), mode);
  try {
    mkdirSync(directory, { mode });
  } catch (error) {
    // Another process may have created it in the meantime.
    if (!isFolder(directory)) throw error;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
