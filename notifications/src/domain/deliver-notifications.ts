import { createRelay, type Relay, retryDelayMs } from 'worker-pool';
import type { ClaimedDelivery, DeliveryQueue, Target } from './delivery-ports.ts';
import { DeliveryRefused } from './errors.ts';
import type { Context, Notification } from './ports.ts';

export interface DeliveryReport {
  /** It rests for `delayMs` and is tried again. */
  onFailure(notification: Notification, error: unknown, delayMs: number): void;
  /** It was given up, after so many attempts. */
  onDead(notification: Notification, error: unknown, attempts: number): void;
  onDelivered(count: number): void;
  /** The next round has something to do. */
  onProgress(): void;
}

/** Deliveries in hand at a time, each of another order. */
const IN_HAND_MAX = 16;
/** Longer than a delivery's timeout by far, so that one is in two hands only after a crash. */
const LEASE_MS = 30_000;
const NOTE_TIMEOUT_MS = 2_000;
const DELAY = { baseMs: 200, maxMs: 300_000 };
/** With the pauses between them, these take about an hour: a receiver that is set up wrongly can be mended in that time. */
const REFUSALS_MAX = 20;
/** Older news help nobody; but each is tried a few times, also one that has stood behind another for all that time. */
const AGE_MAX_MS = 24 * 3_600_000;
const ATTEMPTS_MIN = 5;

/** Brings notifications to a target, at least once, those of an order one after the other. */
export function createDeliveryRelay(
  queue: DeliveryQueue,
  target: Target,
  report: DeliveryReport,
): Relay<ClaimedDelivery> {
  async function deliver(delivery: ClaimedDelivery, signal: AbortSignal): Promise<boolean> {
    const { notification, attempts } = delivery;
    try {
      const { traceparent, tracestate } = notification;
      await target.deliver(notification, { signal, traceparent, tracestate });
      return true;
    } catch (error) {
      if (!signal.aborted && isHopeless(delivery, error)) {
        await queue.bury(notification, toNote());
        report.onDead(notification, error, attempts);
        report.onProgress();
      } else {
        const delayMs = retryDelayMs(attempts, error, DELAY);
        report.onFailure(notification, error, delayMs);
        await queue.postpone(notification, delayMs, toNote());
      }
      return false;
    }
  }

  return createRelay<ClaimedDelivery>({
    inHandMax: IN_HAND_MAX,
    claim: (limit, signal) => queue.claim(limit, LEASE_MS, { signal }),
    deliver,
    async note(deliveries) {
      const notifications = deliveries.map(({ notification }) => notification);
      await queue.delivered(notifications, toNote());
      report.onDelivered(deliveries.length);
      return true;
    },
    onArrival: report.onProgress,
  });
}

function isHopeless({ attempts, waitedMs }: ClaimedDelivery, error: unknown): boolean {
  if (error instanceof DeliveryRefused && attempts >= REFUSALS_MAX) return true;
  return waitedMs >= AGE_MAX_MS && attempts >= ATTEMPTS_MIN;
}

function toNote(): Context {
  return { signal: AbortSignal.timeout(NOTE_TIMEOUT_MS) };
}
