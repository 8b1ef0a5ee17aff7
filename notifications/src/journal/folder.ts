import { readdir } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { type JournalFile, openJournalFile, readJournalID } from './file.ts';
import { JournalInUse } from './lock.ts';

export type FoundJournal = JournalFile | 'in use' | 'missing';

/**
 * Opens the journal with this id among the files beside a journal that have the same extension.
 */
export async function findJournal(ownPath: string, journalID: string): Promise<FoundJournal> {
  const folder = dirname(ownPath);
  for (const name of await readdir(folder)) {
    if (extname(name) !== extname(ownPath)) continue;
    const path = join(folder, name);
    // An unreadable or deleted file does not match.
    if ((await readJournalID(path).catch(() => undefined)) !== journalID) continue;
    try {
      return await openJournalFile(path, { waitMs: 0 });
    } catch (error) {
      if (error instanceof JournalInUse) return 'in use';
      throw error;
    }
  }
  return 'missing';
}
