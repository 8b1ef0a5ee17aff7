import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { queueGauges } from 'service-kit';
import { type JournalParts, startJournal } from './journal/start.ts';
import type { DeliveryTarget } from './repository/deliveries.ts';
import { startWebhook, type WebhookParts } from './webhook/start.ts';

export interface DeliveryParts {
  readonly journal?: JournalParts | undefined;
  readonly webhook?: WebhookParts | undefined;
  readonly logger: Logger;
  readonly registry: Registry;
}

export interface Deliveries extends AsyncDisposable {
  /** To be called after a notification was stored. */
  wake(): void;
}

/** Delivers notifications to the configured targets, in the background. */
export function startDeliveries({ journal, webhook, logger, registry }: DeliveryParts): Deliveries {
  const queues = { journal: journal?.queue, webhook: webhook?.queue };
  const targets = (['journal', 'webhook'] as const).filter((target) => queues[target] !== undefined);
  queueGauges({
    registry,
    logger,
    count: { name: 'delivery_backlog', help: 'Notifications not delivered yet', labelNames: ['sink'] },
    oldest: { name: 'delivery_lag_seconds', help: 'The age of the oldest of them', labelNames: ['sink'] },
    queues: Object.entries(queues).flatMap(([sink, queue]) =>
      queue ? [{ labels: { sink }, read: queue.readBacklog }] : [],
    ),
  });
  const counter = (name: string, help: string) => {
    const counted = new Counter({ name, help, labelNames: ['sink'], registers: [registry] });
    for (const target of targets) counted.inc({ sink: target }, 0);
    return counted;
  };
  const delivered = counter('deliveries_total', 'Notifications delivered.');
  const failures = counter('delivery_failures_total', 'Deliveries that failed; each is tried again.');
  const dead = counter('deliveries_dead_total', 'Deliveries given up.');
  const countersOf = (sink: DeliveryTarget) => ({
    onDelivered: (count: number) => delivered.inc({ sink }, count),
    onFailure: () => failures.inc({ sink }),
    onDead: () => dead.inc({ sink }),
  });
  const running = [
    journal && startJournal({ ...journal, ...countersOf('journal'), logger, registry }),
    webhook && startWebhook({ ...webhook, ...countersOf('webhook'), logger, registry }),
  ].filter((background) => background !== undefined);
  return {
    wake() {
      for (const background of running) background.wake();
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(running.map((background) => background[Symbol.asyncDispose]()));
    },
  };
}
