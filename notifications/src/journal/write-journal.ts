import type { Journal, JournalQueue, QueuedNotification } from '../domain/delivery-ports.ts';
import type { Context } from '../domain/ports.ts';

/** Notifications of one write, each of another order. A write of 100 KB costs hardly more than one of a line. */
const BATCH_MAX = 256;
/** A round that has begun is brought to its end also when the work is told to stop, so its statements have their own limit. */
const STATEMENT_TIMEOUT_MS = 1_500;

export interface Journaling {
  /**
   * Writes what waits, in one batch, and notes what the round before has written.
   * @returns how many it has written: when any were, another round has to note them, and their successors may be waiting
   */
  round(): Promise<number>;
  /** Has the next round look first what became of everything that the journal took. */
  doubt(): void;
  /** Notes what was written last: for the end, after the last round. */
  settle(): Promise<void>;
}

/** Brings notifications into a journal, each exactly once. */
export function createJournaling(queue: JournalQueue, journal: Journal): Journaling {
  let isSure = false;
  /** And not noted yet: that goes along with the next claim. */
  let written: readonly QueuedNotification[] = [];
  return {
    async round() {
      const [doubted, before] = [!isSure, written];
      // Whatever fails from here on, it is not known how far it came.
      isSure = false;
      written = [];
      if (doubted) await recoverJournal(queue, journal);
      const taken = await queue.claim(journal.id, BATCH_MAX, doubted ? [] : before, toStatement());
      if (taken.length > 0) await journal.append(taken);
      written = taken;
      isSure = true;
      return taken.length;
    },
    doubt() {
      isSure = false;
    },
    async settle() {
      if (isSure && written.length > 0) await queue.delivered(written, toStatement());
      written = [];
    },
  };
}

/**
 * Finishes what somebody began who was torn away from it: of all that the journal took, what is in the file is noted as
 * delivered, and the rest is written.
 *
 * Nothing is written but what was taken before, and nothing new is taken but in the statement that notes the last batch. So what is in the file
 * and not noted is among its last lines, no more of them than are taken.
 */
export async function recoverJournal(queue: JournalQueue, journal: Journal): Promise<void> {
  const claimed = await queue.claimed(journal.id, toStatement());
  const written = await journal.repair(claimed.length);
  const missing = claimed.filter(({ eventID }) => !written.has(eventID));
  if (missing.length > 0) await journal.append(missing);
  if (claimed.length > 0) await queue.delivered(claimed, toStatement());
}

function toStatement(): Context {
  return { signal: AbortSignal.timeout(STATEMENT_TIMEOUT_MS) };
}
