import { failedWith } from 'rpc-kit';
import { createRelay, type Relay, retryDelayMs } from 'service-kit';
import type { Context, Notification } from '../domain/ports.ts';
import { notify, type Webhook } from './client.ts';
import type { ClaimedDelivery, DeliveryQueue } from './queue.ts';

export interface DeliveryReport {
  /** The delivery is retried after `delayMs`. */
  onFailure(notification: Notification, error: unknown, delayMs: number): void;
  /** The notification was given up. */
  onDead(notification: Notification, error: unknown, attempts: number): void;
  onDelivered(count: number): void;
  /** The next round has something to do. */
  onProgress(): void;
}

/** Deliveries in flight, each of another order. */
const IN_FLIGHT_MAX = 16;
/** Far longer than a delivery's timeout, so that two replicas deliver the same notification only after a crash. */
const LEASE_MS = 30_000;
const STATEMENT_TIMEOUT_MS = 2_000;
const DELAY = { baseMs: 200, maxMs: 300_000 };
/** With the delays between them these take an hour at least: time to repair a receiver that is configured wrongly. */
const REFUSALS_MAX = 20;
/** Older notifications are useless. A notification that waited behind another one for so long still gets a few attempts. */
const AGE_MAX_MS = 24 * 3_600_000;
const ATTEMPTS_MIN = 5;

export interface DeliveryRelay extends Pick<Relay, 'round'> {
  /** Waits for deliveries in flight and acknowledges them. To be called after the last round. */
  settle(): Promise<void>;
}

/** Delivers notifications to the webhook at least once, those of an order one by one. */
export function createDeliveryRelay(
  queue: DeliveryQueue,
  webhook: Pick<Webhook, 'deliver'>,
  report: DeliveryReport,
): DeliveryRelay {
  async function deliver(delivery: ClaimedDelivery, signal: AbortSignal): Promise<ClaimedDelivery | undefined> {
    const { notification, attempts } = delivery;
    try {
      const { traceparent, tracestate } = notification;
      await webhook.deliver(notification, { signal, traceparent, tracestate });
      return delivery;
    } catch (error) {
      const isRefusal = failedWith(error, notify, 'refused');
      if (!signal.aborted && isHopeless(delivery, isRefusal)) {
        await queue.bury(notification, statementContext());
        report.onDead(notification, error, attempts);
      } else {
        const delayMs = retryDelayMs(attempts, error, DELAY);
        report.onFailure(notification, error, delayMs);
        await queue.postpone(notification, { delayMs, isRefusal }, statementContext());
      }
      return undefined;
    }
  }

  const relay = createRelay<ClaimedDelivery, ClaimedDelivery>({
    inFlightMax: IN_FLIGHT_MAX,
    async advance(delivered, limit, signal) {
      const notifications = delivered.map(({ notification }) => notification);
      if (notifications.length > 0) await queue.acknowledge(notifications, statementContext());
      const claimed = limit > 0 ? await queue.claim(limit, LEASE_MS, { signal }) : [];
      // After the claim, because a failed claim repeats the round with the same deliveries.
      report.onDelivered(notifications.length);
      return { items: claimed, more: limit > 0 && claimed.length === limit };
    },
    deliver,
    onDelivered: report.onProgress,
  });
  return { round: relay.round, settle: () => relay.settle(statementContext().signal) };
}

function isHopeless({ attempts, refusals, waitedMs }: ClaimedDelivery, isRefusal: boolean): boolean {
  if (isRefusal && refusals + 1 >= REFUSALS_MAX) return true;
  return waitedMs >= AGE_MAX_MS && attempts >= ATTEMPTS_MIN;
}

function statementContext(): Context {
  return { signal: AbortSignal.timeout(STATEMENT_TIMEOUT_MS) };
}
