import type { Logger } from 'pino';
import { Counter, Histogram, type Registry } from 'prom-client';
import { queueGauges } from 'service-kit';
import type { BacklogReader } from './event.ts';

export interface EventMetrics {
  onDelivered(delaysMs: readonly number[]): void;
  onFailure(): void;
}

export function createEventMetrics(registry: Registry, logger: Logger, backlog: BacklogReader): EventMetrics {
  const registers = [registry];
  queueGauges({
    registry,
    logger,
    count: { name: 'outbox_backlog', help: 'Events not delivered yet' },
    oldest: { name: 'outbox_lag_seconds', help: 'How long the oldest event not delivered yet has waited' },
    queues: [backlog],
  });
  const delivered = new Counter({ name: 'outbox_delivered_total', help: 'Events delivered.', registers });
  const failures = new Counter({
    name: 'outbox_delivery_failures_total',
    help: 'Deliveries of events that failed; each is retried.',
    registers,
  });
  const delay = new Histogram({
    name: 'outbox_delivery_delay_seconds',
    help: "From an order's change to the acknowledgement of its event, by the database's clock.",
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
