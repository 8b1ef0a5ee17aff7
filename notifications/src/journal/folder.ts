import { readdir } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { type JournalFile, openJournalFile, readJournalID } from './file.ts';
import { JournalInUse } from './lock.ts';

/** What became of the search: the journal, or why there is none to be had. */
export type FoundJournal = JournalFile | 'in use' | 'missing';

/**
 * Looks among the files beside a journal, with the same ending, for the one with the id, and opens it where nobody else has it.
 */
export async function findJournal(ownPath: string, journalID: string): Promise<FoundJournal> {
  const folder = dirname(ownPath);
  for (const name of await readdir(folder)) {
    if (extname(name) !== extname(ownPath)) continue;
    const path = join(folder, name);
    // What is no file, or is gone by now, is not the one.
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
