import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { type Background, startBackground } from 'service-kit';
import type { ConsumePorts } from '../domain/consume-messages.ts';
import type { Consumed, DeadLetter, DeadLetterReader } from '../domain/consumer-ports.ts';
import { createConsumerMetrics } from './consumer-metrics.ts';
import { type Fetched, type KafkaGroup, openKafkaGroup } from './kafka-group.ts';
import { type PartitionWorker, startPartitionWorker } from './partition-worker.ts';

export interface EventConsumerOptions {
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly group: string;
  readonly sessionTimeoutMs?: number;
  readonly ports: ConsumePorts;
  readonly letters: DeadLetterReader;
  readonly logger: Logger;
  readonly registry: Registry;
}

/** Long enough for a pause of the process, short enough that others soon take over what a killed one had. */
const SESSION_TIMEOUT_MS = 10_000;
/** After a lost membership, before the next attempt; failures in a row double it. */
const REJOIN_PAUSE_MS = 250;
const COMMIT_INTERVAL_MS = 1_000;

/**
 * Takes events from Kafka until disposed. One round is one membership of the group: it ends with the first failure of Kafka,
 * and the next one begins from what the database says. Failures of the database are the workers' own.
 */
export function startEventConsumer(options: EventConsumerOptions): Background {
  const { logger, topic } = options;
  const metrics = createConsumerMetrics(options.registry, options.letters);
  return startBackground({
    name: 'take events from Kafka',
    logger,
    idleMs: REJOIN_PAUSE_MS,
    async round(signal) {
      const { sessionTimeoutMs = SESSION_TIMEOUT_MS } = options;
      const group = openKafkaGroup({ ...options, sessionTimeoutMs });
      const membership = openMembership(options, group, metrics);
      try {
        await group.join(membership.assign);
        await membership.fetchUntil(signal);
      } finally {
        await membership.close();
        await group.close();
        logger.info({ topic }, 'left the consumer group');
      }
      return false;
    },
  });
}

function openMembership(
  { ports, logger, topic }: EventConsumerOptions,
  group: KafkaGroup,
  metrics: ReturnType<typeof createConsumerMetrics>,
) {
  const workers = new Map<number, PartitionWorker>();
  /** Those that were given up end by themselves; the last of them is waited for at the end. */
  const ending = new Set<Promise<void>>();
  const uncommitted = new Map<number, bigint>();
  let change = Promise.withResolvers<void>();
  let committedAt = 0;

  const onChange = (): void => {
    change.resolve();
    change = Promise.withResolvers();
  };

  function onConsumed(partition: number, consumed: Consumed, from: bigint, to: bigint): void {
    uncommitted.set(partition, to);
    metrics.consumed(consumed, to - from);
    metrics.lag(partition, workers.get(partition)?.lag() ?? 0n);
    for (const letter of consumed.dead) logDeadLetter(logger, letter);
  }

  function giveUp(partition: number, worker: PartitionWorker): void {
    workers.delete(partition);
    uncommitted.delete(partition);
    const end = Promise.resolve(worker[Symbol.asyncDispose]()).finally(() => ending.delete(end));
    ending.add(end);
  }

  function commitNow(): void {
    if (uncommitted.size === 0 || performance.now() - committedAt < COMMIT_INTERVAL_MS) return;
    committedAt = performance.now();
    const offsets = [...uncommitted].map(([partition, offset]) => ({ partition, offset }));
    uncommitted.clear();
    // Only tools read it: the next one tells more.
    group.commit(offsets).catch((err: unknown) => logger.debug({ err }, 'the offsets were not told to Kafka'));
  }

  async function hand(fetched: Fetched): Promise<void> {
    const worker = workers.get(fetched.partition);
    if (!worker) return;
    if (fetched.isOutOfRange) return worker.restart(await group.readBegin(fetched.partition));
    worker.put(fetched);
    metrics.lag(fetched.partition, worker.lag());
  }

  return {
    assign(partitions: readonly number[]): void {
      for (const [partition, worker] of workers) if (!partitions.includes(partition)) giveUp(partition, worker);
      for (const partition of partitions) {
        if (workers.has(partition)) continue;
        workers.set(partition, startPartitionWorker({ topic, partition, ports, logger, onChange, onConsumed }));
      }
      logger.info({ topic, partitions: partitions.toSorted((a, b) => a - b) }, 'takes events of these partitions');
      metrics.assigned(partitions);
      onChange();
    },

    async fetchUntil(signal: AbortSignal): Promise<void> {
      const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      while (!signal.aborted) {
        const changed = change.promise;
        const wanted = [...workers.values()].map((worker) => worker.wanted()).filter((want) => want !== undefined);
        if (wanted.length === 0) await Promise.race([changed, stopped, group.lost]);
        else {
          const fetched = await Promise.race([group.fetch(wanted), stopped, group.lost]);
          for (const some of fetched ?? []) await hand(some);
        }
        commitNow();
      }
    },

    async close(): Promise<void> {
      for (const [partition, worker] of workers) giveUp(partition, worker);
      metrics.assigned([]);
      await Promise.all(ending);
    },
  };
}

/** The alarm: somebody has to look at it, and `make dead-letters` shows it. */
function logDeadLetter(logger: Logger, { partition, offset, orderID, reason, message }: DeadLetter): void {
  const fields = { partition, offset: String(offset), order_id: orderID && String(orderID), reason, why: message };
  if (reason === 'parked') logger.warn(fields, 'an event waits behind a dead letter of its order');
  else logger.error(fields, 'a dead letter: an event could not be taken and holds up its order; see make dead-letters');
}
