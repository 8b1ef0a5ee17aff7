import { runInPool } from 'worker-pool';
import type { Context, EventQueue, EventSink } from './ports.ts';

export interface DeliveryReport {
  /** Told about an event that could not be delivered; it rests for `delayMs` and is tried again. */
  onFailure(eventID: string, error: unknown, delayMs: number): void;
}

/**
 * Events of one round, each of another order, all delivered side by side: one that is taken and only waits its turn
 * would be lost to everybody until its lease is over, if this replica is stopped meanwhile.
 */
const BATCH_MAX = 16;
/** Longer than a delivery's timeout by far, so that an event is in two hands only after a crash. */
const LEASE_MS = 15_000;
/**
 * What became of a delivery is noted also when the work is told to stop, else the event would rest for its whole lease; but
 * a slow statement must not keep the process from stopping in time.
 */
const NOTE_TIMEOUT_MS = 2_000;
const DELAY_BASE_MS = 100;
const DELAY_MAX_MS = 30_000;

/**
 * One round of telling the world about status changes. Of every order only the earliest undelivered event is taken, so an
 * event that fails holds up its own order and no other.
 *
 * @returns how many were delivered; when any were, their successors may be waiting
 */
export async function deliverEvents(
  queue: EventQueue,
  sink: EventSink,
  report: DeliveryReport,
  context: Context,
): Promise<number> {
  const events = await queue.claim(BATCH_MAX, LEASE_MS, context);
  const delivered = await runInPool(
    events,
    async (event, signal) => {
      try {
        await sink.deliver(event, { ...context, signal });
      } catch (error) {
        const delayMs = Math.min(DELAY_BASE_MS * 2 ** (event.attempts - 1), DELAY_MAX_MS);
        report.onFailure(event.eventID, error, delayMs);
        await queue.postpone(event.eventID, delayMs, toNote());
        return false;
      }
      await queue.delivered(event.eventID, toNote());
      return true;
    },
    { concurrency: BATCH_MAX, signal: context.signal },
  );
  return delivered.filter(Boolean).length;
}

function toNote(): Context {
  return { signal: AbortSignal.timeout(NOTE_TIMEOUT_MS) };
}
