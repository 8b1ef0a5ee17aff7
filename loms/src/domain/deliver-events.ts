import { createRelay, type Relay, retryDelayMs } from 'worker-pool';
import { SinkUnavailable } from './errors.ts';
import { createEventChains } from './event-chains.ts';
import { createHandover, type HeldEvent } from './hand-over-events.ts';
import type { Context, EventQueue, EventSink, Handover } from './ports.ts';

export interface DeliveryReport {
  /** Told about an event that could not be delivered; it rests for `delayMs` and is tried again. */
  onFailure(eventID: string, error: unknown, delayMs: number): void;
  /** Told how long after their changes events were known to be delivered. */
  onDelivered(delaysMs: readonly number[]): void;
  /** The next round has something to do. */
  onWork(): void;
}

/** Events in hand at a time: as many as a replica of notifications takes on side by side, and some. */
const IN_HAND_MAX = 32;
/**
 * Nobody waits for the note of a delivery but events that could not be taken as they were written; so it waits for others to be
 * noted with.
 */
const NOTE_GATHER_MS = 20;
/** Another replica's events, and those that rest after a failure, are looked for this often, in milliseconds. */
export const LOOK_AGAIN_MS = 75;
/** Longer than a delivery's timeout by far, so that an event is in two hands only after a crash. */
const LEASE_MS = 15_000;
/**
 * What became of a delivery is noted also when the work is told to stop, else the event would rest for its whole lease; but
 * a slow statement must not keep the process from stopping in time.
 */
const NOTE_TIMEOUT_MS = 2_000;
const DELAY = { baseMs: 100, maxMs: 30_000 };
/** While nobody can be told anything, one event looks from time to time whether that is over: this late at most. */
const PROBE_MAX_MS = 2_000;

export interface EventRelay extends Pick<Relay<HeldEvent>, 'round' | 'settle'> {
  /** For each transaction that makes events. */
  openHandover(): Handover;
}

/**
 * Tells the world about status changes. An order's events are told one after the other, so an event that fails or takes its
 * time holds up its own order and no other. Where the sink itself is away, none is to blame: all of them stay as they are, and
 * go on as soon as one is taken again.
 */
export function createEventRelay(queue: EventQueue, sink: EventSink, report: DeliveryReport): EventRelay {
  const chains = createEventChains();
  let away: { readonly until: number; readonly restMs: number } | undefined;

  function restAll(): void {
    const now = performance.now();
    // Many fail at one moment; they count as one.
    if (away && now < away.until) return;
    const restMs = Math.min((away?.restMs ?? DELAY.baseMs / 2) * 2, PROBE_MAX_MS);
    away = { until: now + restMs, restMs };
  }

  async function deliver({ event, before }: HeldEvent, signal: AbortSignal): Promise<boolean> {
    const fate = before?.();
    if (fate && !(await fate)) {
      await queue.release(event.eventID, toNote());
      return false;
    }
    try {
      await sink.deliver(event, { signal });
      if (away) relay.expect();
      away = undefined;
      return true;
    } catch (error) {
      if (error instanceof SinkUnavailable) {
        restAll();
        await queue.release(event.eventID, toNote());
        return false;
      }
      const delayMs = retryDelayMs(event.attempts, error, DELAY);
      report.onFailure(event.eventID, error, delayMs);
      await queue.postpone(event.eventID, delayMs, toNote());
      return false;
    }
  }

  const relay = createRelay<HeldEvent>({
    inHandMax: IN_HAND_MAX,
    gatherMs: NOTE_GATHER_MS,
    lookAgainMs: LOOK_AGAIN_MS,
    async claim(limit, signal) {
      if (away && performance.now() < away.until) return [];
      return (await queue.claim(away ? 1 : limit, LEASE_MS, { signal })).map((event) => ({ event }));
    },
    deliver(held, signal) {
      const delivery = deliver(held, signal);
      const { event } = held;
      const fate = delivery.catch(() => false);
      chains.extend(event, fate);
      fate.then((isThere) => isThere || chains.break(event.orderID));
      return delivery;
    },
    async note(held) {
      const noted = await queue.delivered(
        held.map(({ event }) => event.eventID),
        toNote(),
      );
      for (const { event } of held) chains.forget(event);
      report.onDelivered(noted.map(({ delayMs }) => delayMs));
      return noted.some(({ isAwaited }) => isAwaited);
    },
    onArrival: report.onWork,
  });

  return {
    round: relay.round,
    settle: relay.settle,
    openHandover: () =>
      createHandover({ relay, chains, leaseMs: LEASE_MS, isAway: () => away !== undefined, onWork: report.onWork }),
  };
}

function toNote(): Context {
  return { signal: AbortSignal.timeout(NOTE_TIMEOUT_MS) };
}
