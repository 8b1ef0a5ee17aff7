/** A process that writes a journal as notifications does, and kills itself at the point CRASH_AT. */
import { appendFileSync } from 'node:fs';
import { toLine } from '../src/journal/line.ts';
import type { JournalQueue } from '../src/journal/queue.ts';
import type { Journal } from '../src/journal/write-journal.ts';
import { type CrashPoint, openPool, startReplica } from './journal-ground.ts';

const { CRASH_AT, DATABASE = '', JOURNAL = '' } = process.env;

function reach(point: CrashPoint): void {
  if (point === CRASH_AT) process.kill(process.pid, 'SIGKILL');
}

function dyingQueue(queue: JournalQueue): JournalQueue {
  return {
    ...queue,
    async claim(journalID, limit, written, context) {
      const acknowledges = written.length > 0;
      if (acknowledges) reach('before the acknowledgement');
      const claimed = await queue.claim(journalID, limit, written, context);
      if (acknowledges) reach('after the acknowledgement');
      if (claimed.length > 0) reach('after the claim');
      return claimed;
    },
  };
}

function dyingJournal(journal: Journal): Journal {
  return {
    ...journal,
    async append(notifications) {
      const bytes = Buffer.from(notifications.map((notification) => toLine(notification, new Date())).join(''));
      const torn = {
        'after the first bytes': 30,
        'in the middle of a batch': bytes.length / 2,
        'before the last byte': bytes.length - 1,
      };
      for (const [point, length] of Object.entries(torn)) {
        if (point !== CRASH_AT) continue;
        appendFileSync(JOURNAL, bytes.subarray(0, length));
        reach(point as CrashPoint);
      }
      await journal.append(notifications);
    },
  };
}

process.once('disconnect', () => process.exit());

await startReplica({ database: openPool(DATABASE), path: JOURNAL, queue: dyingQueue, journal: dyingJournal });
