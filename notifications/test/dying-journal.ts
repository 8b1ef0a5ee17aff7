/** A process of its own: it writes a journal as notifications does, and is ended by SIGKILL at the point that CRASH_AT names. */
import { appendFileSync } from 'node:fs';
import type { Journal, JournalQueue } from '../src/domain/delivery-ports.ts';
import { toLine } from '../src/journal/line.ts';
import { type CrashPoint, openPool, startReplica } from './journal-ground.ts';

const { CRASH_AT, DATABASE = '', JOURNAL = '' } = process.env;

function reach(point: CrashPoint): void {
  if (point === CRASH_AT) process.kill(process.pid, 'SIGKILL');
}

function dyingQueue(queue: JournalQueue): JournalQueue {
  return {
    ...queue,
    async claim(journalID, limit, delivered, context) {
      const notes = delivered.length > 0;
      if (notes) reach('before the note');
      const taken = await queue.claim(journalID, limit, delivered, context);
      if (notes) reach('after the note');
      if (taken.length > 0) reach('after the claim');
      return taken;
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
