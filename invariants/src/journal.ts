import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One delivery, as in a journal of notifications (JOURNAL_FILE). */
export interface Delivery {
  readonly orderID: bigint;
  readonly seq: number;
  readonly journaledAt?: Date;
}

/** A journal that cannot be read; the message says why. */
export class JournalError extends Error {
  override readonly name = 'JournalError';
}

const ENDING = '.jsonl';

/**
 * The deliveries in all journals of a folder, one journal for each replica, in the order in which they were written. Call it
 * after the last write: an incomplete line is an error.
 * @throws {JournalError}
 */
export async function loadJournals(folder: string): Promise<Delivery[]> {
  const names = await readdir(folder).catch(({ code }: NodeJS.ErrnoException) => {
    throw new JournalError(`The folder of journals ${folder} cannot be read (${code}).`);
  });
  const journals = names.filter((name) => name.endsWith(ENDING)).toSorted();
  const deliveries = await Promise.all(journals.map((name) => readJournal(join(folder, name))));
  // Times within a file ascend and the sort is stable, so the order within a file is kept.
  return deliveries.flat().toSorted((a, b) => timeOf(a) - timeOf(b));
}

async function readJournal(path: string): Promise<Delivery[]> {
  const lines = (await readFile(path, 'utf8')).split('\n');
  if (lines.pop() !== '') throw new JournalError(`The last line of the journal ${path} was not written to its end.`);
  return lines.slice(1).map((line, index) => toDelivery(line, `line ${index + 2} of the journal ${path}`));
}

function toDelivery(line: string, where: string): Delivery {
  try {
    // `source` has all digits of the number.
    const exact = (key: string, value: unknown, { source }: { source: string }) =>
      key === 'orderID' ? BigInt(source) : value;
    const { orderID, seq, journaledAt } = JSON.parse(line, exact as never);
    if (typeof orderID === 'bigint' && Number.isInteger(seq))
      return { orderID, seq, journaledAt: new Date(journaledAt) };
  } catch {
    // Reported below.
  }
  throw new JournalError(`There is no notification in ${where}.`);
}

function timeOf({ journaledAt }: Delivery): number {
  return journaledAt?.getTime() ?? 0;
}
