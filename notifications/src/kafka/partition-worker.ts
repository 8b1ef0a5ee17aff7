import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { isFaultOfData, isLostRace } from 'service-kit';
import { type ConsumePorts, consumeBatch } from './consume-batch.ts';
import type { Fetched, Wanted } from './group.ts';
import { type Consumed, type Message, type OffsetRange, type Partition, PartitionMoved } from './ports.ts';
import { type KafkaRecord, readMessage, VALUE_BYTES_MAX } from './read-message.ts';

export interface PartitionWorkerOptions extends Partition {
  readonly ports: ConsumePorts;
  readonly logger: Logger;
  /** `wanted` may have changed. */
  readonly onChange: () => void;
  readonly onConsumed: (partition: number, consumed: Consumed, from: bigint, to: bigint) => void;
}

/** Consumes one partition in the order of its messages, in small transactions. */
export interface PartitionWorker extends AsyncDisposable {
  /** The next fetch; nothing while the queue is full or the offset is not known. */
  wanted(): Wanted | undefined;
  put(fetched: Fetched): void;
  /** Messages behind the end of the partition, as of the last fetch. */
  lag(): bigint;
  /** The offset was out of range: continues from `begin`, the oldest offset of the log. */
  restart(begin: bigint): void;
}

/**
 * Messages of one transaction, which has to end far below the 5 s that the database allows: all that wait, so that batches grow with
 * the backlog. Each failure quarters the next batch and each success adds an eighth, on a slow database and around a message that the
 * database refuses.
 */
const BATCH_MAX = 500;
const BATCH_GROWTH = 1.125;
const BATCH_SHARE = 0.25;
/** A batch is parsed in one turn of the event loop: at most 50 values of the greatest length, made to be slow, in 20 ms. */
const BATCH_BYTES_MAX = 50 * VALUE_BYTES_MAX;
/** Prefetched messages, and bytes of their keys and values. One fetch may exceed them. */
const QUEUE_MAX = 1_000;
const QUEUE_BYTES_MAX = 1_048_576;
/** An idle partition checks this often whether its offset was reset. */
const IDLE_CHECK_MS = 5_000;
const BACKOFF_BASE_MS = 100;
const BACKOFF_MAX_MS = 5_000;

export function startPartitionWorker(options: PartitionWorkerOptions): PartitionWorker {
  const { topic, partition, ports, logger, onChange, onConsumed } = options;
  const stop = new AbortController();
  const { signal } = stop;
  let queue: KafkaRecord[] = [];
  /** The stored offset; unknown at first and after each failure, and then read again. */
  let position: bigint | undefined;
  /** The offset behind the queue. */
  let fetchFrom = 0n;
  /** The end of the log at the last fetch. */
  let end = 0n;
  let beginning: bigint | undefined;
  let arrival = Promise.withResolvers<void>();
  let failures = 0;
  let batchMax = BATCH_MAX;
  /** Messages of the last batch. */
  let attempted = 1;

  function reset(): void {
    position = undefined;
    queue = [];
  }

  function recover(): void {
    if (failures > 0) logger.info({ partition }, 'the partition continues');
    failures = 0;
    batchMax = Math.min(Math.ceil(batchMax * BATCH_GROWTH), BATCH_MAX);
  }

  async function readPosition(): Promise<void> {
    const stored = await ports.store.readOffset({ topic, partition }, { signal });
    fetchFrom = stored;
    position = stored;
    onChange();
  }

  async function consume(from: bigint): Promise<void> {
    const records = queue.slice(0, countWithin(queue, batchMax));
    attempted = records.length;
    // Offsets without a message (a transaction's markers) behind the last record of the queue are skipped with it.
    const to = records.length === queue.length ? fetchFrom : (queue[records.length]?.offset ?? fetchFrom);
    const consumed = await consumeOrBury(records.map(readMessage), { topic, partition, from, to });
    if (consumed === undefined) return;
    position = to;
    queue = queue.slice(records.length);
    recover();
    onConsumed(partition, consumed, from, to);
    onChange();
  }

  /** A message that the database refuses must not block the partition: smaller batches find it, and it becomes a dead letter. */
  async function consumeOrBury(messages: Message[], range: OffsetRange): Promise<Consumed | undefined> {
    try {
      return await consumeBatch(ports, { ...range, messages }, { signal });
    } catch (error) {
      const [only] = messages;
      if (!isFaultOfData(error) || only === undefined) throw error;
      if (messages.length > 1) {
        batchMax = Math.ceil(messages.length * BATCH_SHARE);
        return undefined;
      }
      return await bury(only, range, `it cannot be stored: ${(error as Error).message}`).catch((refused: unknown) => {
        if (!isFaultOfData(refused)) throw refused;
        return bury({ ...only, headers: {} }, range, 'neither it nor its headers can be stored');
      });
    }
  }

  function bury(message: Message, range: OffsetRange, why: string): Promise<Consumed> {
    const content = { reason: 'failed', message: why } as const;
    return consumeBatch(ports, { ...range, messages: [{ ...message, content }] }, { signal });
  }

  async function step(): Promise<void> {
    if (beginning !== undefined) await restartAt(beginning);
    if (position === undefined) await readPosition();
    else if (queue.length === 0 && fetchFrom === position) await waitForMessages(position);
    else await consume(position);
  }

  /** Returns also after the idle time, and fails if the offset was reset meanwhile. */
  async function waitForMessages(from: bigint): Promise<void> {
    // A new promise for each wait, because a long-lived one would keep every race that it was part of.
    arrival = Promise.withResolvers();
    const waking = new AbortController();
    const idle = sleep(IDLE_CHECK_MS, undefined, { signal: waking.signal, ref: false }).catch(() => {});
    await Promise.race([arrival.promise, idle]);
    waking.abort();
    if (queue.length > 0 || signal.aborted || beginning !== undefined) return;
    const stored = await ports.store.readOffset({ topic, partition }, { signal });
    if (stored !== from && queue.length === 0) throw new PartitionMoved({ topic, partition }, from);
  }

  async function restartAt(begin: bigint): Promise<void> {
    const from = await ports.store.readOffset({ topic, partition }, { signal });
    const moved = { partition, from: String(from), to: String(begin) };
    logger.error(moved, 'the stored offset is out of range: continuing from the oldest message that Kafka has');
    await ports.store.transaction(({ offsets }) => offsets.move({ topic, partition }, from, begin), { signal });
    beginning = undefined;
    reset();
  }

  async function loop(): Promise<void> {
    while (!signal.aborted) {
      try {
        await step();
      } catch (error) {
        if (signal.aborted) return;
        reset();
        if (error instanceof PartitionMoved) {
          logger.info({ partition }, 'the stored offset was moved by another consumer or reset: continuing from it');
          continue;
        }
        // The same statements may win against the next concurrent transaction.
        if (isLostRace(error)) continue;
        if (failures === 0) {
          logger.warn({ partition, err: error }, 'the partition is paused: its messages cannot be stored');
        }
        await sleep(Math.min(BACKOFF_BASE_MS * 2 ** failures, BACKOFF_MAX_MS), undefined, { signal }).catch(() => {});
        failures += 1;
        batchMax = Math.ceil(attempted * BATCH_SHARE);
      }
    }
  }

  const ended = loop();
  return {
    wanted() {
      const bytes = queue.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0);
      if (position === undefined || beginning !== undefined) return undefined;
      return queue.length < QUEUE_MAX && bytes < QUEUE_BYTES_MAX ? { partition, offset: fetchFrom } : undefined;
    },
    put({ records, from, next, end: newEnd }) {
      end = newEnd;
      // A fetch from before a reset does not continue the queue.
      if (position === undefined || from !== fetchFrom || next === from) return;
      queue.push(...records);
      fetchFrom = next;
      arrival.resolve();
    },
    lag: () => (position === undefined || end < position ? 0n : end - position),
    restart(begin) {
      beginning = begin;
      arrival.resolve();
    },
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('the partition was revoked'));
      arrival.resolve();
      await ended;
    },
  };
}

/** The first of these records that fit into a batch, at least one. */
function countWithin(records: readonly KafkaRecord[], countMax: number): number {
  let bytes = 0;
  const end = records.slice(0, countMax).findIndex(({ value }) => {
    bytes += value?.length ?? 0;
    return bytes > BATCH_BYTES_MAX;
  });
  return end < 0 ? countMax : Math.max(end, 1);
}
