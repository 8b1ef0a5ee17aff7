import { createRelay, type Relay, retryDelayMs } from 'service-kit';
import type { Context } from '../domain/ports.ts';
import {
  type ClaimedEvent,
  type ClaimedOrder,
  type EventPublisher,
  type EventQueue,
  PublisherUnavailable,
} from './event.ts';

export interface DeliveryReport {
  /** An event could not be delivered; it is tried again after `delayMs`. */
  onFailure(eventID: string, error: unknown, delayMs: number): void;
  /** How long after their changes events were delivered, in milliseconds. */
  onDelivered(delaysMs: readonly number[]): void;
  /** The next round has something to do. */
  onWork(): void;
}

export interface EventRelay extends Pick<Relay, 'round'> {
  /** For the end: waits for deliveries in flight, and acknowledges them. */
  settle(): Promise<void>;
}

/** Orders in flight at a time: as many calls as a replica of notifications serves side by side, and some. */
const IN_FLIGHT_MAX = 32;
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
 * Delivers status changes, those of an order one after the other. An event that fails or takes its time holds up its own order
 * and no other. Where the publisher is unavailable, no event is to blame: all go on as soon as one is accepted again.
 */
export function createEventRelay(queue: EventQueue, publisher: EventPublisher, report: DeliveryReport): EventRelay {
  let outage: { readonly until: number; readonly pauseMs: number } | undefined;

  function pause(): void {
    const now = performance.now();
    // Many deliveries fail at one moment; they count as one.
    if (outage && now < outage.until) return;
    const pauseMs = Math.min((outage?.pauseMs ?? DELAY.baseMs / 2) * 2, PROBE_MAX_MS);
    outage = { until: now + pauseMs, pauseMs };
  }

  /** Orders that may be claimed now. */
  function claimMax(limit: number): number {
    if (!outage) return limit;
    return performance.now() < outage.until ? 0 : Math.min(1, limit);
  }

  async function putBack(event: ClaimedEvent, error: unknown): Promise<void> {
    if (error instanceof PublisherUnavailable) {
      pause();
      await queue.release(event, toRecord());
      return;
    }
    const delayMs = retryDelayMs(event.attempts, error, DELAY);
    report.onFailure(event.eventID, error, delayMs);
    await queue.postpone(event, delayMs, toRecord());
  }

  /** @returns the ids of the events that were delivered */
  async function deliver(order: ClaimedOrder, signal: AbortSignal): Promise<readonly string[]> {
    const deliveredIDs: string[] = [];
    for (const event of order) {
      try {
        await publisher.publish(event, { signal });
        outage = undefined;
        deliveredIDs.push(event.eventID);
      } catch (error) {
        await putBack(event, error);
        break;
      }
    }
    return deliveredIDs;
  }

  const relay = createRelay<ClaimedOrder, readonly string[]>({
    inFlightMax: IN_FLIGHT_MAX,
    async advance(receipts, limit, signal) {
      const deliveredIDs = receipts.flat();
      const countMax = claimMax(limit);
      if (deliveredIDs.length === 0 && countMax === 0) return [];
      const { claimed, delaysMs } = await queue.advance(deliveredIDs, countMax, LEASE_MS, { signal });
      report.onDelivered(delaysMs);
      return claimed;
    },
    deliver,
    onDelivered: report.onWork,
  });
  return { round: relay.round, settle: () => relay.settle(toRecord().signal) };
}

function toRecord(): Context {
  return { signal: AbortSignal.timeout(RECORD_TIMEOUT_MS) };
}
