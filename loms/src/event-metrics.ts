import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Backlog, BacklogReader } from './domain/ports.ts';

/** Counting further would cost more than it tells. */
const BACKLOG_COUNT_MAX = 10_000;
/** Whoever scrapes waits for the answer; a backlog that is not known in time is left out of it. */
const BACKLOG_TIMEOUT_MS = 500;

/** How the delivery of events fares. */
export interface EventMetrics {
  onDelivered(delaysMs: readonly number[]): void;
  onFailure(): void;
}

export function createEventMetrics(registry: Registry, backlog: BacklogReader): EventMetrics {
  const registers = [registry];
  observeBacklog(registry, backlog);
  const delivered = new Counter({ name: 'outbox_delivered_total', help: 'Events delivered.', registers });
  const failures = new Counter({
    name: 'outbox_delivery_failures_total',
    help: 'Deliveries of events that failed; each is tried again.',
    registers,
  });
  const delay = new Histogram({
    name: 'outbox_delivery_delay_seconds',
    help: "From an order's change to the note that its event was delivered, by the database's clock.",
    buckets: [0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers,
  });
  return {
    onDelivered(delaysMs) {
      delivered.inc(delaysMs.length);
      for (const delayMs of delaysMs) delay.observe(delayMs / 1_000);
    },
    onFailure: () => failures.inc(),
  };
}

function observeBacklog(registry: Registry, backlog: BacklogReader): void {
  /** The gauges are collected at the same moment: one statement serves both. */
  let reading: Promise<Backlog | undefined> | undefined;
  const read = (): Promise<Backlog | undefined> => {
    reading ??= backlog
      .read(BACKLOG_COUNT_MAX, { signal: AbortSignal.timeout(BACKLOG_TIMEOUT_MS) })
      .catch(() => undefined)
      .finally(() => {
        reading = undefined;
      });
    return reading;
  };
  const gauge = (name: string, help: string, toValue: (known: Backlog) => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        const known = await read();
        if (known) this.set(toValue(known));
        else this.remove();
      },
    });
  gauge('outbox_backlog', `Events not delivered yet, counted up to ${BACKLOG_COUNT_MAX}.`, ({ events }) => events);
  gauge('outbox_lag_seconds', 'How long the oldest event not delivered yet has waited.', ({ oldestMs }) => {
    return oldestMs / 1_000;
  });
}
