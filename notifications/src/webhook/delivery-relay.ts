import { createRelay, type Relay, retryDelayMs } from 'service-kit';
import type { ClaimedDelivery, DeliveryQueue, Target } from '../domain/delivery-ports.ts';
import { DeliveryRefused } from '../domain/errors.ts';
import type { Context, Notification } from '../domain/ports.ts';

export interface DeliveryReport {
  /** It rests for `delayMs` and is tried again. */
  onFailure(notification: Notification, error: unknown, delayMs: number): void;
  /** It was given up, after so many attempts. */
  onDead(notification: Notification, error: unknown, attempts: number): void;
  onDelivered(count: number): void;
  /** The next round has something to do. */
  onProgress(): void;
}

/** Deliveries in flight at a time, each of another order. */
const IN_FLIGHT_MAX = 16;
/** Longer than a delivery's timeout by far, so that two relays deliver the same notification only after a crash. */
const LEASE_MS = 30_000;
const RECORD_TIMEOUT_MS = 2_000;
const DELAY = { baseMs: 200, maxMs: 300_000 };
/** With the delays between them, these take about an hour: time to mend a receiver that is set up wrongly. */
const REFUSALS_MAX = 20;
/** Older notifications are of no use; but each is tried a few times, also one that waited behind another for all that time. */
const AGE_MAX_MS = 24 * 3_600_000;
const ATTEMPTS_MIN = 5;

export interface DeliveryRelay extends Pick<Relay, 'round'> {
  /** For the end: waits for deliveries in flight, and acknowledges them. */
  settle(): Promise<void>;
}

/** Delivers notifications to a target, at least once, those of an order one after the other. */
export function createDeliveryRelay(queue: DeliveryQueue, target: Target, report: DeliveryReport): DeliveryRelay {
  async function deliver(delivery: ClaimedDelivery, signal: AbortSignal): Promise<ClaimedDelivery | undefined> {
    const { notification, attempts } = delivery;
    try {
      const { traceparent, tracestate } = notification;
      await target.deliver(notification, { signal, traceparent, tracestate });
      return delivery;
    } catch (error) {
      if (!signal.aborted && isHopeless(delivery, error)) {
        await queue.bury(notification, toRecord());
        report.onDead(notification, error, attempts);
      } else {
        const delayMs = retryDelayMs(attempts, error, DELAY);
        report.onFailure(notification, error, delayMs);
        await queue.postpone(notification, delayMs, toRecord());
      }
      return undefined;
    }
  }

  const relay = createRelay<ClaimedDelivery, ClaimedDelivery>({
    inFlightMax: IN_FLIGHT_MAX,
    async advance(delivered, limit, signal) {
      const notifications = delivered.map(({ notification }) => notification);
      if (notifications.length > 0) await queue.delivered(notifications, toRecord());
      const claimed = limit > 0 ? await queue.claim(limit, LEASE_MS, { signal }) : [];
      // A round whose claim failed is repeated, so it counts nothing.
      report.onDelivered(notifications.length);
      return claimed;
    },
    deliver,
    onDelivered: report.onProgress,
  });
  return { round: relay.round, settle: () => relay.settle(toRecord().signal) };
}

function isHopeless({ attempts, waitedMs }: ClaimedDelivery, error: unknown): boolean {
  if (error instanceof DeliveryRefused && attempts >= REFUSALS_MAX) return true;
  return waitedMs >= AGE_MAX_MS && attempts >= ATTEMPTS_MIN;
}

function toRecord(): Context {
  return { signal: AbortSignal.timeout(RECORD_TIMEOUT_MS) };
}
