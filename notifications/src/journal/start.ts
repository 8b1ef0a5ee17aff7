import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { type Background, startBackground, startCarriedSpan } from 'service-kit';
import type { FoundJournal } from './folder.ts';
import type { JournalQueue } from './queue.ts';
import { BATCH_FULL, createJournalWriter, type Journal, recoverJournal } from './write-journal.ts';

export interface JournalParts {
  readonly journal: Journal;
  readonly queue: JournalQueue;
  /** Opens the journal of another replica that has stopped. */
  readonly find: (journalID: string) => Promise<FoundJournal>;
}

export interface JournalOptions extends JournalParts {
  readonly onDelivered: (count: number) => void;
  readonly onFailure: () => void;
  readonly logger: Logger;
  readonly registry: Registry;
}

/**
 * A replica writes what it stores. Only a notification whose predecessor another replica has to write first is found by a pause, and
 * one whose replica has died before it was written.
 */
const PAUSE = { idleMs: 100, idleMaxMs: 2_000 };
/** The next claim acknowledges a batch; without one, this is how long another replica has to wait for its successors. */
const ACKNOWLEDGE_MS = 20;
/** The more lines a batch has, the more commits share the next one, within a fraction of the lag that users notice. */
const PACE_MS = { perLine: 1, max: 20 };
/** The interval between two searches for claims that other replicas abandoned. */
const STALE_IDLE_MS = 2_500;
/** A batch takes some milliseconds, so the process with an older claim hangs or is dead. */
const STALE_MS = 5_000;

const MISSING =
  "notifications are claimed by a journal that is not in this journal's folder, and their orders wait: start the replica that " +
  'writes it, put the file into the folder, or, if it is lost, release its claims as the README of notifications says';

/** Writes the journal in the background, and completes the journals that other replicas abandoned. */
export function startJournal(options: JournalOptions): Background {
  const { queue, find, onDelivered, onFailure, logger, registry } = options;
  const journal = traced(options.journal);
  const writer = createJournalWriter(queue, journal);
  let paceMs = 0;
  const writing = startBackground({
    name: 'write the journal',
    logger,
    registry,
    ...PAUSE,
    paceMs: () => paceMs,
    async round() {
      try {
        const count = await writer.round();
        onDelivered(count);
        const isFull = count >= BATCH_FULL;
        paceMs = isFull ? 0 : Math.min(count * PACE_MS.perLine, PACE_MS.max);
        return isFull || (count > 0 && ACKNOWLEDGE_MS);
      } catch (error) {
        onFailure();
        throw error;
      }
    },
  });
  const missing = new Set<string>();
  const completing = startBackground({
    name: 'finish journals that were left',
    logger,
    registry,
    idleMs: STALE_IDLE_MS,
    async round(signal) {
      const failures: unknown[] = [];
      for (const journalID of await queue.findStale(STALE_MS, { signal })) {
        if (journalID === journal.id) writer.doubt();
        // A journal that cannot be opened or written does not keep the others from being completed.
        else await complete(journalID).catch((error: unknown) => failures.push(error));
      }
      if (failures.length > 0) throw failures[0];
      return false;
    },
  });

  async function complete(journalID: string): Promise<void> {
    const found = await find(journalID);
    if (found === 'in use') return;
    if (found === 'missing') {
      if (!missing.has(journalID)) logger.error({ journal: journalID }, MISSING);
      missing.add(journalID);
      return;
    }
    await using abandoned = found;
    await recoverJournal(queue, abandoned);
    logger.warn({ journal: journalID }, 'completed the journal of a replica that has stopped');
    writing.wake();
  }

  return {
    wake: writing.wake,
    async [Symbol.asyncDispose]() {
      await Promise.all([writing[Symbol.asyncDispose](), completing[Symbol.asyncDispose]()]);
      await writer.settle().catch((err: unknown) => {
        logger.warn(
          { err },
          'the last lines of the journal could not be acknowledged: the next start finds them in the file',
        );
      });
    },
  };
}

/** Each line has a span in the trace of its notification, from the write to the flush. */
function traced(journal: Journal): Journal {
  return {
    ...journal,
    async append(notifications) {
      const spans = notifications.map((notification) => startCarriedSpan('write to journal', notification));
      try {
        await journal.append(notifications);
      } finally {
        for (const span of spans) span?.end();
      }
    },
  };
}
