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
      const unfollow = onAbort(signal, () => membership.end());
      group.lost.catch(membership.end);
      try {
        // A stop waits neither for brokers that do not answer nor for a group that is just sharing its partitions anew.
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
  { ports, logger, topic }: EventConsumerOptions,
  group: KafkaGroup,
  metrics: ReturnType<typeof createConsumerMetrics>,
) {
  const workers = new Map<number, PartitionWorker>();
  /** Those that were given up end by themselves; the last of them is waited for at the end. */
  const leaving = new Set<Promise<void>>();
  const uncommitted = new Map<number, bigint>();
  /** One for each wait: what raced against a promise that lives long would stay with it as long. */
  let waking = Promise.withResolvers<void>();
  let ending = Promise.withResolvers<void>();
  let ended: { readonly error?: unknown } | undefined;
  let committedAt = 0;

  const wake = (): void => waking.resolve();

  /** Leaves the work to itself when the membership ends, and fails where it was lost. */
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

  function giveUp(partition: number, worker: PartitionWorker): void {
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
      // An answer that came after the end.
      if (ended) return;
      for (const [partition, worker] of workers) if (!partitions.includes(partition)) giveUp(partition, worker);
      for (const partition of partitions) {
        if (workers.has(partition)) continue;
        workers.set(partition, startPartitionWorker({ topic, partition, ports, logger, onChange: wake, onConsumed }));
      }
      logger.info({ topic, partitions: partitions.toSorted((a, b) => a - b) }, 'takes events of these partitions');
      metrics.assigned(partitions);
      wake();
    },

    unlessEnded,

    /** @param error why the membership is lost; missing when it is not wanted any more */
    end(error?: unknown): void {
      ended ??= { error };
      wake();
      ending.resolve();
    },

    async fetchOnce(): Promise<void> {
      const wanted = [...workers.values()].map((worker) => worker.wanted()).filter((want) => want !== undefined);
      if (wanted.length === 0) {
        // A worker that has room again ends the wait, and so does a new assignment.
        waking = Promise.withResolvers();
        await unlessEnded(waking.promise);
      } else for (const some of (await unlessEnded(group.fetch(wanted))) ?? []) await hand(some);
      commitNow();
    },

    async close(): Promise<void> {
      ended ??= {};
      for (const [partition, worker] of workers) giveUp(partition, worker);
      metrics.assigned([]);
      await Promise.all(leaving);
    },
  };
}

/** The alarm: somebody has to look at it, and `make dead-letters` shows it. */
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
  else logger.error(fields, 'a dead letter: an event could not be taken and holds up its order; see make dead-letters');
}
