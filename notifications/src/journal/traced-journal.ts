import { startCarriedSpan } from 'service-kit';
import type { Journal } from '../domain/delivery-ports.ts';

/** Ends the trace of a notification with the span of its line, from when it is written until it is on the disk. */
export function traceJournal(journal: Journal): Journal {
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
