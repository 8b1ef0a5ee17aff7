import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One delivery to a user, as a journal of notifications has it (JOURNAL_FILE). */
export interface Delivery {
  readonly orderID: bigint;
  readonly seq: number;
  readonly journaledAt?: Date;
}

/** A journal that cannot be read, in a sentence that says why. */
export class JournalError extends Error {
  override readonly name = 'JournalError';
}

const ENDING = '.jsonl';

/**
 * All journals of a folder, one for each replica, in the order in which the deliveries were written. To be called when
 * nothing is written any more: a line that is not whole is a mistake then.
 * @throws {JournalError}
 */
export async function loadJournals(folder: string): Promise<Delivery[]> {
  const names = await readdir(folder).catch(({ code }: NodeJS.ErrnoException) => {
    throw new JournalError(`The folder of journals ${folder} cannot be read (${code}).`);
  });
  const journals = names.filter((name) => name.endsWith(ENDING)).toSorted();
  const deliveries = await Promise.all(journals.map((name) => readJournal(join(folder, name))));
  // The order within a file stays: its times do not go back, and the sort is stable.
  return deliveries.flat().toSorted((a, b) => timeOf(a) - timeOf(b));
}

async function readJournal(path: string): Promise<Delivery[]> {
  const lines = (await readFile(path, 'utf8')).split('\n');
  if (lines.pop() !== '') throw new JournalError(`The last line of the journal ${path} was not written to its end.`);
  return lines.slice(1).map((line, index) => toDelivery(line, `line ${index + 2} of the journal ${path}`));
}

function toDelivery(line: string, where: string): Delivery {
  try {
    // The text of a number has all its digits.
    const exact = (key: string, value: unknown, { source }: { source: string }) =>
      key === 'orderID' ? BigInt(source) : value;
    const { orderID, seq, journaledAt } = JSON.parse(line, exact as never);
    if (typeof orderID === 'bigint' && Number.isInteger(seq))
      return { orderID, seq, journaledAt: new Date(journaledAt) };
  } catch {
    // Told below.
  }
  throw new JournalError(`There is no notification in ${where}.`);
}

function timeOf({ journaledAt }: Delivery): number {
  return journaledAt?.getTime() ?? 0;
}
