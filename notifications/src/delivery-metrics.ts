import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { queueGauges } from 'service-kit';
import type { DeliveryBacklogReader, SinkName } from './domain/delivery-ports.ts';

export interface DeliveryMetrics {
  onDelivered(sink: SinkName, count: number): void;
  onFailure(sink: SinkName): void;
  onDead(sink: SinkName): void;
}

export function createDeliveryMetrics(
  registry: Registry,
  logger: Logger,
  backlog: DeliveryBacklogReader,
  sinks: readonly SinkName[],
): DeliveryMetrics {
  queueGauges({
    registry,
    logger,
    count: { name: 'delivery_backlog', help: 'Notifications not delivered yet', labelNames: ['sink'] },
    oldest: {
      name: 'delivery_lag_seconds',
      help: 'How long the oldest of them has waited',
      labelNames: ['sink'],
    },
    queues: sinks.map((sink) => ({
      labels: { sink },
      async read(countMax, context) {
        const { deliveries, oldestMs } = await backlog.read(sink, countMax, context);
        return { count: deliveries, oldestMs };
      },
    })),
  });
  const counter = (name: string, help: string) => {
    const counted = new Counter({ name, help, labelNames: ['sink'], registers: [registry] });
    for (const sink of sinks) counted.inc({ sink }, 0);
    return counted;
  };
  const delivered = counter('deliveries_total', 'Notifications delivered.');
  const failures = counter('delivery_failures_total', 'Deliveries that failed; each is tried again.');
  const dead = counter('deliveries_dead_total', 'Deliveries given up.');
  return {
    onDelivered: (sink, count) => delivered.inc({ sink }, count),
    onFailure: (sink) => failures.inc({ sink }),
    onDead: (sink) => dead.inc({ sink }),
  };
}
