import { createRelay, type Relay } from 'worker-pool';
import { SinkUnavailable } from './errors.ts';
import type { ClaimedEvent, Context, EventQueue, EventSink } from './ports.ts';

export interface DeliveryReport {
  /** Told about an event that could not be delivered; it rests for `delayMs` and is tried again. */
  onFailure(eventID: string, error: unknown, delayMs: number): void;
  /** Told how long after their changes events were known to be delivered. */
  onDelivered(delaysMs: readonly number[]): void;
  /** An event has arrived: the next round has something to do. */
  onArrival(): void;
}

/** Events in hand at a time, each of another order: as many as a replica of notifications takes on side by side, and some. */
const IN_HAND_MAX = 32;
/** Longer than a delivery's timeout by far, so that an event is in two hands only after a crash. */
const LEASE_MS = 15_000;
/**
 * What became of a delivery is noted also when the work is told to stop, else the event would rest for its whole lease; but
 * a slow statement must not keep the process from stopping in time.
 */
const NOTE_TIMEOUT_MS = 2_000;
const DELAY_BASE_MS = 100;
const DELAY_MAX_MS = 30_000;
/** While nobody can be told anything, one event looks from time to time whether that is over: this late at most. */
const PROBE_MAX_MS = 2_000;

/**
 * Tells the world about status changes. Of every order only the earliest undelivered event is taken, so an event that fails
 * or takes its time holds up its own order and no other. Where the sink itself is away, none is to blame: all of them stay
 * as they are, and go on as soon as one is taken again.
 */
export function createEventRelay(queue: EventQueue, sink: EventSink, report: DeliveryReport): Relay {
  let away: { readonly until: number; readonly restMs: number } | undefined;

  function restAll(): void {
    const now = performance.now();
    // Many fail at one moment; they count as one.
    if (away && now < away.until) return;
    const restMs = Math.min((away?.restMs ?? DELAY_BASE_MS / 2) * 2, PROBE_MAX_MS);
    away = { until: now + restMs, restMs };
  }

  async function deliver(event: ClaimedEvent, signal: AbortSignal): Promise<boolean> {
    try {
      await sink.deliver(event, { signal });
      away = undefined;
      return true;
    } catch (error) {
      if (error instanceof SinkUnavailable) {
        restAll();
        await queue.release(event.eventID, toNote());
        return false;
      }
      const delayMs = Math.min(DELAY_BASE_MS * 2 ** (event.attempts - 1), DELAY_MAX_MS);
      report.onFailure(event.eventID, error, delayMs);
      await queue.postpone(event.eventID, delayMs, toNote());
      return false;
    }
  }

  return createRelay<ClaimedEvent>({
    inHandMax: IN_HAND_MAX,
    async claim(limit, signal) {
      if (away && performance.now() < away.until) return [];
      return queue.claim(away ? 1 : limit, LEASE_MS, { signal });
    },
    deliver,
    async note(events) {
      const eventIDs = events.map(({ eventID }) => eventID);
      report.onDelivered(await queue.delivered(eventIDs, toNote()));
    },
    onArrival: report.onArrival,
  });
}

function toNote(): Context {
  return { signal: AbortSignal.timeout(NOTE_TIMEOUT_MS) };
}
