import { Counter, Gauge, type Registry } from 'prom-client';
import type { Consumed, DeadLetterReader } from './ports.ts';

/** The scrape waits for the count; a count that takes longer is missing from it. */
const COUNT_TIMEOUT_MS = 500;
/** Counting further would make the scrape expensive, and no alert depends on the difference. */
const COUNT_MAX = 10_000;

export interface ConsumerMetrics {
  assigned(partitions: readonly number[]): void;
  consumed(consumed: Consumed, messages: bigint): void;
  lag(partition: number, messages: bigint): void;
}

export function createConsumerMetrics(registry: Registry, letters: DeadLetterReader): ConsumerMetrics {
  const registers = [registry];
  countLetters(registry, letters);
  const assigned = new Gauge({
    name: 'events_partitions_assigned',
    help: 'Partitions that are assigned to this process.',
    registers,
  });
  const consumed = new Counter({
    name: 'events_consumed_total',
    help: 'Messages consumed, by result: a notification was stored, the event was repeated, or the message is a dead letter.',
    labelNames: ['result'],
    registers,
  });
  const died = new Counter({
    name: 'dead_letters_total',
    help: 'Messages that became dead letters, by reason.',
    labelNames: ['reason'],
    registers,
  });
  const lag = new Gauge({
    name: 'events_consumer_lag',
    help: 'Messages of the partition that are not consumed yet.',
    labelNames: ['partition'],
    registers,
  });
  const lastConsumed = new Gauge({
    name: 'events_last_consumed_timestamp_seconds',
    help: 'The last time that messages of any partition were consumed.',
    registers,
  });
  return {
    assigned(partitions) {
      assigned.set(partitions.length);
      // The partitions that moved are reported by their new consumers.
      lag.reset();
    },
    consumed({ stored, dead }, messages) {
      consumed.inc({ result: 'stored' }, stored.length);
      consumed.inc({ result: 'dead' }, dead.length);
      consumed.inc({ result: 'repeated' }, Number(messages) - stored.length - dead.length);
      for (const { reason } of dead) died.inc({ reason });
      lastConsumed.setToCurrentTime();
    },
    lag(partition, messages) {
      lag.set({ partition }, Number(messages));
    },
  };
}

function countLetters(registry: Registry, letters: DeadLetterReader): void {
  new Gauge({
    name: 'dead_letters',
    help: `Dead letters, by reason, counted up to ${COUNT_MAX}; parked ones only wait behind another one of their order.`,
    labelNames: ['reason'],
    registers: [registry],
    async collect() {
      this.reset();
      const counts = await letters
        .count(COUNT_MAX, { signal: AbortSignal.timeout(COUNT_TIMEOUT_MS) })
        .catch(() => ({}));
      for (const [reason, count] of Object.entries(counts)) this.set({ reason }, count);
    },
  });
}
