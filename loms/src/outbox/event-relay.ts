import { createRelay, type Relay, retryDelayMs } from 'service-kit';
import type { Context } from '../domain/ports.ts';
import type { ClaimedEvent, EventPublisher, EventQueue, FailedEvent } from './event.ts';

export interface DeliveryReport {
  /** An event could not be delivered; it is tried again after `delayMs`. */
  onFailure(eventID: string, error: unknown, delayMs: number): void;
  /** How long after their changes events were delivered, in milliseconds. */
  onDelivered(delaysMs: readonly number[]): void;
  /** The next round has something to do. */
  onWork(): void;
}

export interface EventRelay extends Pick<Relay, 'round'> {
  /** How long after the start of the last round the next one may start. */
  paceMs(): number;
  /** For the end: waits for deliveries in flight, and acknowledges them. */
  settle(): Promise<void>;
}

/**
 * Batches in flight at a time: while one is delivered, the next one is claimed, and a batch that takes its time does not stop all
 * others. More would only make the batches smaller.
 */
const BATCHES_MAX = 2;
/** Orders of a batch. With four events of each at most, these are the 500 events that notifications accepts in a call. */
const ORDERS_MAX = 125;
/**
 * Commits within this time share one claim, and a batch costs little more than an event. The time grows with the last batch, by
 * a millisecond for each event: at 200 events a second it is 25 ms, and from 800 a second on 100 ms, when a delay of 100 ms is none.
 */
const PACE_MS = { min: 20, perEvent: 1, max: 100 };
/** Longer than a delivery's timeout by far, so that two relays deliver the same event only after a crash. */
const LEASE_MS = 15_000;
/**
 * Deliveries are recorded also while the process stops, else their events would wait for the end of the lease; but a slow
 * statement must not keep the process from stopping in time.
 */
const RECORD_TIMEOUT_MS = 2_000;
const DELAY = { baseMs: 100, maxMs: 30_000 };
/** While the publisher is unavailable, one order is tried from time to time: this late at most. */
const PROBE_MAX_MS = 2_000;

/**
 * Delivers status changes in batches, which grow with the backlog. An event that fails holds up its own order and no other. Where
 * the publisher is unavailable, no event is to blame: all go on as soon as one is accepted again.
 */
export function createEventRelay(queue: EventQueue, publisher: EventPublisher, report: DeliveryReport): EventRelay {
  let outage: { readonly until: number; readonly pauseMs: number } | undefined;
  let paceMs = PACE_MS.min;

  function pause(): void {
    const now = performance.now();
    // Two batches may fail at one moment; they count as one.
    if (outage && now < outage.until) return;
    const pauseMs = Math.min((outage?.pauseMs ?? DELAY.baseMs / 2) * 2, PROBE_MAX_MS);
    outage = { until: now + pauseMs, pauseMs };
  }

  const probeInMs = (): number => (outage ? Math.max(outage.until - performance.now(), 0) : 0);

  /** @returns the events of the batch that were delivered: of each order those before its first failure */
  async function postpone(events: readonly ClaimedEvent[], failed: readonly FailedEvent[]): Promise<ClaimedEvent[]> {
    const errors = new Map(failed.map(({ event, error }) => [event.eventID, error]));
    const failures = new Map<bigint, ClaimedEvent>();
    const delivered = events.filter((event) => {
      if (failures.has(event.orderID)) return false;
      if (errors.has(event.eventID)) failures.set(event.orderID, event);
      return !errors.has(event.eventID);
    });
    const postponed = [...failures.values()].map((event) => {
      const error = errors.get(event.eventID);
      const delayMs = retryDelayMs(event.attempts, error, DELAY);
      report.onFailure(event.eventID, error, delayMs);
      return { event, delayMs };
    });
    await queue.postpone(postponed, toRecord());
    return delivered;
  }

  const relay = createRelay<readonly ClaimedEvent[], readonly ClaimedEvent[]>({
    inFlightMax: BATCHES_MAX,
    async advance(receipts, limit, signal) {
      const deliveredIDs = receipts.flat().map(({ eventID }) => eventID);
      const probeMs = probeInMs();
      // During an outage one order probes for the recovery.
      const claimMax = outage ? 1 : ORDERS_MAX;
      const ordersMax = limit === 0 || probeMs > 0 ? 0 : claimMax;
      if (deliveredIDs.length === 0 && ordersMax === 0) return { items: [], more: probeMs };
      const { claimed, delaysMs, dueMs } = await queue.advance(deliveredIDs, ordersMax, LEASE_MS, { signal });
      report.onDelivered(delaysMs);
      const isFull = new Set(claimed.map(({ orderID }) => orderID)).size === ORDERS_MAX;
      paceMs = isFull ? PACE_MS.min : Math.min(PACE_MS.min + claimed.length * PACE_MS.perEvent, PACE_MS.max);
      return { items: claimed.length > 0 ? [claimed] : [], more: isFull || probeMs || dueMs || false };
    },
    async deliver(events, signal) {
      let failed: readonly FailedEvent[];
      try {
        failed = await publisher.publish(events, { signal });
      } catch {
        if (!signal.aborted) pause();
        await queue.release(events, toRecord());
        return undefined;
      }
      outage = undefined;
      return failed.length === 0 ? events : postpone(events, failed);
    },
    onDelivered: report.onWork,
  });
  return { round: relay.round, paceMs: () => paceMs, settle: () => relay.settle(toRecord().signal) };
}

function toRecord(): Context {
  return { signal: AbortSignal.timeout(RECORD_TIMEOUT_MS) };
}
