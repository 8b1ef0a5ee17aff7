import { setTimeout as sleep } from 'node:timers/promises';
import { orderEvents } from 'loms/contract.ts';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { onAbort, parseRequestId } from 'rpc-kit';
import { type Background, explainKafkaFailure, type KafkaAccess, startBackground } from 'service-kit';
import type { ConsumePorts } from './consume-batch.ts';
import { type Fetched, type KafkaGroup, openKafkaGroup } from './group.ts';
import { createConsumerMetrics } from './metrics.ts';
import { type PartitionWorker, startPartitionWorker } from './partition-worker.ts';
import type { Consumed, DeadLetter, DeadLetterReader } from './ports.ts';

export interface EventConsumerOptions extends KafkaAccess {
  readonly topic?: string;
  readonly group?: string;
  readonly sessionTimeoutMs?: number;
  readonly ports: ConsumePorts;
  readonly letters: DeadLetterReader;
  readonly logger: Logger;
  readonly registry: Registry;
}

/** All replicas share the topic as one group. */
const GROUP = 'notifications';
/** Survives a pause of the process, and soon frees the partitions of a killed one. */
const SESSION_TIMEOUT_MS = 10_000;
/** Before the next membership; consecutive failures double it. */
const REJOIN_PAUSE_MS = 250;
const COMMIT_INTERVAL_MS = 1_000;
/** The more messages a fetch has, the more share the next one and its statements; a lone event is not delayed. */
const PACE_MS = { perMessage: 1, max: 40 };

/**
 * Consumes order events until disposed. One round is one membership of the group: it ends with the first failure of Kafka, and the
 * next one starts from the offsets in the database. The partition workers handle failures of the database.
 */
export function startEventConsumer({
  topic = orderEvents.topic,
  group: groupName = GROUP,
  ...options
}: EventConsumerOptions): Background {
  const { logger } = options;
  const metrics = createConsumerMetrics(options.registry, options.letters);
  return startBackground({
    name: 'take events from Kafka',
    logger,
    idleMs: REJOIN_PAUSE_MS,
    async round(signal) {
      const { sessionTimeoutMs = SESSION_TIMEOUT_MS } = options;
      const group = openKafkaGroup({ ...options, topic, group: groupName, sessionTimeoutMs });
      const membership = openMembership({ ...options, topic }, group, metrics);
      const unfollow = onAbort(signal, () => membership.end());
      group.lost.catch(membership.end);
      try {
        // A stop waits neither for brokers that do not answer nor for a rebalance.
        await membership.unlessEnded(group.join(membership.assign));
        while (!signal.aborted) await membership.fetchOnce();
      } catch (error) {
        const why = explainKafkaFailure(error);
        throw why === undefined ? error : new Error(`Kafka does not let notifications in: ${why}`, { cause: error });
      } finally {
        unfollow();
        await membership.close();
        await group.close();
        logger.info({ topic }, 'left the consumer group');
      }
      return false;
    },
  });
}

function openMembership(
  { ports, logger, topic }: EventConsumerOptions & { readonly topic: string },
  group: KafkaGroup,
  metrics: ReturnType<typeof createConsumerMetrics>,
) {
  const workers = new Map<number, PartitionWorker>();
  /** The ends of revoked workers, which run on while their last batch is stored. */
  const leaving = new Set<Promise<void>>();
  const uncommitted = new Map<number, bigint>();
  /** One for each wait, because a long-lived promise would keep every race that it was part of. */
  let waking = Promise.withResolvers<void>();
  let ending = Promise.withResolvers<void>();
  let ended: { readonly error?: unknown } | undefined;
  let committedAt = 0;

  const wake = (): void => waking.resolve();

  /** Stops waiting for the work when the membership ends, and fails if it was lost. */
  async function unlessEnded<T>(work: Promise<T>): Promise<T | undefined> {
    ending = Promise.withResolvers();
    const result = ended ? undefined : await Promise.race([work, ending.promise]);
    if (ended?.error !== undefined) throw ended.error;
    return result as T | undefined;
  }

  function onConsumed(partition: number, consumed: Consumed, from: bigint, to: bigint): void {
    uncommitted.set(partition, to);
    metrics.consumed(consumed, to - from);
    metrics.lag(partition, workers.get(partition)?.lag() ?? 0n);
    for (const letter of consumed.dead) logDeadLetter(logger, letter);
  }

  function revoke(partition: number, worker: PartitionWorker): void {
    workers.delete(partition);
    uncommitted.delete(partition);
    const end = Promise.resolve(worker[Symbol.asyncDispose]()).finally(() => leaving.delete(end));
    leaving.add(end);
  }

  function commitNow(): void {
    if (uncommitted.size === 0 || performance.now() - committedAt < COMMIT_INTERVAL_MS) return;
    committedAt = performance.now();
    const offsets = [...uncommitted].map(([partition, offset]) => ({ partition, offset }));
    uncommitted.clear();
    // Only Kafka's tools read it, and the next commit replaces it.
    group.commit(offsets).catch((err: unknown) => logger.debug({ err }, 'the offsets were not committed to Kafka'));
  }

  async function dispatch(fetched: Fetched): Promise<void> {
    const worker = workers.get(fetched.partition);
    if (!worker) return;
    if (fetched.isOutOfRange) return worker.restart(await group.readBegin(fetched.partition));
    worker.put(fetched);
    metrics.lag(fetched.partition, worker.lag());
  }

  return {
    assign(partitions: readonly number[]): void {
      // The response may arrive after the end.
      if (ended) return;
      for (const [partition, worker] of workers) if (!partitions.includes(partition)) revoke(partition, worker);
      for (const partition of partitions) {
        if (workers.has(partition)) continue;
        workers.set(partition, startPartitionWorker({ topic, partition, ports, logger, onChange: wake, onConsumed }));
      }
      logger.info({ topic, partitions: partitions.toSorted((a, b) => a - b) }, 'consuming these partitions');
      metrics.assigned(partitions);
      wake();
    },

    unlessEnded,

    /** @param error why the membership was lost; missing at a stop */
    end(error?: unknown): void {
      ended ??= { error };
      wake();
      ending.resolve();
    },

    async fetchOnce(): Promise<void> {
      const wanted = [...workers.values()].map((worker) => worker.wanted()).filter((want) => want !== undefined);
      if (wanted.length === 0) {
        // Free space in a worker's queue or a new assignment ends the wait.
        waking = Promise.withResolvers();
        await unlessEnded(waking.promise);
      } else {
        const areOthersWaiting = wanted.length < workers.size;
        const fetched = (await unlessEnded(group.fetch(wanted, areOthersWaiting))) ?? [];
        for (const some of fetched) await dispatch(some);
        const messages = fetched.reduce((sum, { records }) => sum + records.length, 0);
        await unlessEnded(sleep(Math.min(messages * PACE_MS.perMessage, PACE_MS.max)));
      }
      commitNow();
    },

    async close(): Promise<void> {
      ended ??= {};
      for (const [partition, worker] of workers) revoke(partition, worker);
      metrics.assigned([]);
      await Promise.all(leaving);
    },
  };
}

/** An error line is the alarm: a person has to repair it with `make dead-letters` and `make replay`. */
function logDeadLetter(logger: Logger, letter: DeadLetter): void {
  const { partition, offset, orderID, headers, reason, message } = letter;
  const request_id = parseRequestId(headers[orderEvents.headers.requestID]);
  const fields = {
    request_id,
    partition,
    offset: String(offset),
    order_id: orderID && String(orderID),
    reason,
    why: message,
  };
  if (reason === 'parked') logger.warn(fields, 'an event waits behind a dead letter of its order');
  else logger.error(fields, 'a dead letter: an event could not be stored and blocks its order; see make dead-letters');
}
