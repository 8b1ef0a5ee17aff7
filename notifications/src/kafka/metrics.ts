import { Counter, Gauge, type Registry } from 'prom-client';
import type { Consumed, DeadLetterReader } from './ports.ts';

/** Whoever scrapes waits for the answer; letters that are not counted in time are left out of it. */
const COUNT_TIMEOUT_MS = 500;
/** Counting further would cost more than it tells. */
const COUNT_MAX = 10_000;

export interface ConsumerMetrics {
  assigned(partitions: readonly number[]): void;
  consumed(consumed: Consumed, messages: bigint): void;
  /** How many messages of the partition are still to be taken. */
  lag(partition: number, messages: bigint): void;
}

export function createConsumerMetrics(registry: Registry, letters: DeadLetterReader): ConsumerMetrics {
  const registers = [registry];
  countLetters(registry, letters);
  const assigned = new Gauge({
    name: 'events_partitions_assigned',
    help: 'Partitions that this process takes.',
    registers,
  });
  const consumed = new Counter({
    name: 'events_consumed_total',
    help: 'Messages that the group has gone beyond, by what came of them: a notification, nothing new, or a dead letter.',
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
    help: 'Messages of the partition that are still to be taken.',
    labelNames: ['partition'],
    registers,
  });
  const lastConsumed = new Gauge({
    name: 'events_last_consumed_timestamp_seconds',
    help: 'When messages of any partition were taken last.',
    registers,
  });
  return {
    assigned(partitions) {
      assigned.set(partitions.length);
      // What others take from here on, they tell of.
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
    help: `Messages that wait as dead letters, by reason, counted up to ${COUNT_MAX}; parked ones only wait behind another of their order.`,
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
