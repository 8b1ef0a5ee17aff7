import type { Context, QueuedNotification } from '../domain/ports.ts';
import type { JournalQueue } from './queue.ts';

/** An append-only file of notifications, open in this process alone. */
export interface Journal {
  /** Stored in the file, so a renamed file is still the same journal. */
  readonly id: string;
  /** Resolves when all of them are on the disk. After a failure, call `repair` first. */
  append(notifications: readonly QueuedNotification[]): Promise<void>;
  /**
   * Truncates an incomplete last line.
   * @returns the eventIDs of the last lines, at most `linesMax`
   */
  repair(linesMax: number): Promise<ReadonlySet<string>>;
}

/** Orders of one write, which has all their waiting notifications. A write of 100 KB costs hardly more than one of a line. */
const ORDERS_MAX = 256;
/** A batch of so many lines may have left some behind. */
export const BATCH_FULL = ORDERS_MAX;
/** A stop waits for the current round, so its statements have a limit of their own. */
const STATEMENT_TIMEOUT_MS = 1_500;

export interface JournalWriter {
  /**
   * Claims a batch, acknowledging the previous one in the same statement, and writes it.
   * @returns the number of lines written; if any, call it again soon to acknowledge them and to claim their successors
   */
  round(): Promise<number>;
  /** The next round recovers the journal first. */
  doubt(): void;
  /** Acknowledges the last batch. To be called after the last round. */
  settle(): Promise<void>;
}

/** Writes each notification to the journal exactly once. */
export function createJournalWriter(queue: JournalQueue, journal: Journal): JournalWriter {
  let isSure = false;
  let isDoubted = false;
  /** Not acknowledged yet: the next claim does it. */
  let written: readonly QueuedNotification[] = [];
  return {
    async round() {
      const [mustRecover, before] = [!isSure || isDoubted, written];
      // A doubt that comes while this round runs is one for the next.
      isDoubted = false;
      // A failure from here on may have been carried out or not.
      isSure = false;
      written = [];
      if (mustRecover) await recoverJournal(queue, journal);
      const claimed = await queue.claim(journal.id, ORDERS_MAX, mustRecover ? [] : before, statementContext());
      if (claimed.length > 0) await journal.append(claimed);
      written = claimed;
      isSure = true;
      return claimed.length;
    },
    doubt() {
      isDoubted = true;
    },
    async settle() {
      if (isSure && written.length > 0) await queue.acknowledge(written, statementContext());
      written = [];
    },
  };
}

/**
 * Completes interrupted work: acknowledges the journal's claims that are in the file, and writes the missing ones. Only claimed
 * notifications are written, and a claim acknowledges all earlier ones, so everything written and not acknowledged is among the
 * last lines, at most as many as there are claims.
 */
export async function recoverJournal(queue: JournalQueue, journal: Journal): Promise<void> {
  const claimed = await queue.claimed(journal.id, statementContext());
  const written = await journal.repair(claimed.length);
  const missing = claimed.filter(({ eventID }) => !written.has(eventID));
  if (missing.length > 0) await journal.append(missing);
  if (claimed.length > 0) await queue.acknowledge(claimed, statementContext());
}

function statementContext(): Context {
  return { signal: AbortSignal.timeout(STATEMENT_TIMEOUT_MS) };
}
