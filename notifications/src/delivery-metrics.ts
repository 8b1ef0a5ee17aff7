import { Counter, Gauge, type Registry } from 'prom-client';
import type { DeliveryBacklog, DeliveryBacklogReader, SinkName } from './domain/delivery-ports.ts';

/** Counting further would cost more than it tells. */
const COUNT_MAX = 10_000;
/** Whoever scrapes waits for the answer; a backlog that is not known in time is left out of it. */
const TIMEOUT_MS = 500;

export interface DeliveryMetrics {
  onDelivered(sink: SinkName, count: number): void;
  onFailure(sink: SinkName): void;
  onDead(sink: SinkName): void;
}

export function createDeliveryMetrics(
  registry: Registry,
  backlog: DeliveryBacklogReader,
  sinks: readonly SinkName[],
): DeliveryMetrics {
  observeBacklog(registry, backlog, sinks);
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

function observeBacklog(registry: Registry, backlog: DeliveryBacklogReader, sinks: readonly SinkName[]): void {
  /** The gauges are collected at the same moment: one reading serves both. */
  let reading: Promise<Map<SinkName, DeliveryBacklog>> | undefined;
  const readAll = async (): Promise<Map<SinkName, DeliveryBacklog>> => {
    const known = new Map<SinkName, DeliveryBacklog>();
    const context = { signal: AbortSignal.timeout(TIMEOUT_MS) };
    const read = async (sink: SinkName) => void known.set(sink, await backlog.read(sink, COUNT_MAX, context));
    await Promise.allSettled(sinks.map(read));
    return known;
  };
  const readOnce = () => {
    reading ??= readAll().finally(() => {
      reading = undefined;
    });
    return reading;
  };
  const gauge = (name: string, help: string, toValue: (known: DeliveryBacklog) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['sink'],
      registers: [registry],
      async collect() {
        const known = await readOnce();
        this.reset();
        for (const [sink, backlogOfSink] of known) this.set({ sink }, toValue(backlogOfSink));
      },
    });
  const help = `Notifications not delivered yet, counted up to ${COUNT_MAX}.`;
  gauge('delivery_backlog', help, ({ deliveries }) => deliveries);
  gauge('delivery_lag_seconds', 'How long the oldest of them has waited.', ({ oldestMs }) => oldestMs / 1_000);
}
