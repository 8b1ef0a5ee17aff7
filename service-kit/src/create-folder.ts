import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder with those above it. Step by step: where the system refuses a folder as if its parent were missing, as in
 * /proc, Node's own `recursive` never ends.
 */
export function createFolder(directory: string, mode?: number): void {
  if (isFolder(directory)) return;
  createFolder(dirname(directory), mode);
  try {
    mkdirSync(directory, { mode });
  } catch (error) {
    // Another process may have made it in the meantime.
    if (!isFolder(directory)) throw error;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
