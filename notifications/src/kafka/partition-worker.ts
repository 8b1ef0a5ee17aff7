import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { isFaultOfData, isLostRace } from 'service-kit';
import { PartitionMoved } from '../domain/errors.ts';
import { type ConsumePorts, consumeMessages } from './consume-batch.ts';
import type { Fetched, Wanted } from './group.ts';
import type { Consumed, Message, Partition, Stretch } from './ports.ts';
import { type KafkaRecord, readMessage } from './read-message.ts';

export interface PartitionWorkerOptions extends Partition {
  readonly ports: ConsumePorts;
  readonly logger: Logger;
  /** There may be room for more, or another place to go on from. */
  readonly onChange: () => void;
  readonly onConsumed: (partition: number, consumed: Consumed, from: bigint, to: bigint) => void;
}

/** Takes the messages of one partition in order, in small transactions. */
export interface PartitionWorker extends AsyncDisposable {
  /** What it wants next; nothing while it has enough, or does not know yet where to go on. */
  wanted(): Wanted | undefined;
  put(fetched: Fetched): void;
  /** How many messages it has still to take, as far as it knows. */
  lag(): bigint;
  /** The offset was out of the log's range: goes on from where the log begins. */
  restart(begin: bigint): void;
}

/**
 * Of one transaction, which must be over in far less than the 5 s that the database allows. Where it is not, because the
 * database is slow, the next ones are smaller: half after a failure, and one more after each that went well.
 */
const BATCH_MAX = 50;
/** What is fetched ahead of the database, in messages and bytes of keys and values; a fetch may go beyond it once. */
const QUEUE_MAX = 500;
const QUEUE_BYTES_MAX = 1_048_576;
/** How long it may take until an offset that was set back is noticed, where no message comes that would tell. */
const IDLE_CHECK_MS = 5_000;
const BACKOFF_BASE_MS = 100;
const BACKOFF_MAX_MS = 5_000;

export function startPartitionWorker(options: PartitionWorkerOptions): PartitionWorker {
  const { topic, partition, ports, logger, onChange, onConsumed } = options;
  const stop = new AbortController();
  const { signal } = stop;
  let queue: KafkaRecord[] = [];
  /** Where the group goes on, as far as is known here; it is read again whenever something went wrong. */
  let position: bigint | undefined;
  /** Where the next fetch goes on: behind the queue. */
  let fetchFrom = 0n;
  /** Of the log, when it was fetched last. */
  let end = 0n;
  let beginning: bigint | undefined;
  let arrival = Promise.withResolvers<void>();
  let failures = 0;
  let batchMax = BATCH_MAX;
  let toTakeAlone = 0;

  function forget(): void {
    position = undefined;
    queue = [];
  }

  function recover(): void {
    if (failures > 0) logger.info({ partition }, 'the partition goes on');
    failures = 0;
    batchMax = Math.min(batchMax + 1, BATCH_MAX);
  }

  async function findPosition(): Promise<void> {
    const stored = await ports.store.readOffset({ topic, partition }, { signal });
    fetchFrom = stored;
    position = stored;
    onChange();
  }

  async function consume(from: bigint): Promise<void> {
    const records = queue.slice(0, toTakeAlone > 0 ? 1 : batchMax);
    // Behind the last record of the queue there may be what is none; it is passed over with it.
    const to = records.length === queue.length ? fetchFrom : (queue[records.length]?.offset ?? fetchFrom);
    const consumed = await consumeOrBury(records.map(readMessage), { topic, partition, from, to });
    if (consumed === undefined) return;
    if (toTakeAlone > 0) toTakeAlone -= 1;
    position = to;
    queue = queue.slice(records.length);
    recover();
    onConsumed(partition, consumed, from, to);
    onChange();
  }

  /**
   * A message that the database refuses, whatever it is, must not hold up the partition: the messages of its batch
   * are taken one by one, and it is buried.
   */
  async function consumeOrBury(messages: Message[], batch: Stretch) {
    try {
      return await consumeMessages(ports, { ...batch, messages }, { signal });
    } catch (error) {
      const [only] = messages;
      if (!isFaultOfData(error) || only === undefined) throw error;
      if (messages.length > 1) {
        toTakeAlone = messages.length;
        return undefined;
      }
      return await bury(only, batch, `it cannot be stored: ${(error as Error).message}`).catch((refused: unknown) => {
        if (!isFaultOfData(refused)) throw refused;
        return bury({ ...only, headers: {} }, batch, 'neither it nor its headers can be stored');
      });
    }
  }

  function bury(message: Message, batch: Stretch, why: string): Promise<Consumed> {
    const content = { reason: 'failed', message: why } as const;
    return consumeMessages(ports, { ...batch, messages: [{ ...message, content }] }, { signal });
  }

  async function step(): Promise<void> {
    if (beginning !== undefined) await restartAt(beginning);
    if (position === undefined) await findPosition();
    else if (queue.length === 0 && fetchFrom === position) await rest(position);
    else await consume(position);
  }

  /** Waits for messages; meanwhile somebody may set the offset back, for events to be taken anew. */
  async function rest(from: bigint): Promise<void> {
    // A new one for each rest: what raced against a promise that lives long would stay with it as long.
    arrival = Promise.withResolvers();
    const waking = new AbortController();
    const overlong = sleep(IDLE_CHECK_MS, undefined, { signal: waking.signal, ref: false }).catch(() => {});
    await Promise.race([arrival.promise, overlong]);
    waking.abort();
    if (queue.length > 0 || signal.aborted || beginning !== undefined) return;
    const stored = await ports.store.readOffset({ topic, partition }, { signal });
    if (stored !== from && queue.length === 0) throw new PartitionMoved({ topic, partition }, from);
  }

  async function restartAt(begin: bigint): Promise<void> {
    const from = await ports.store.readOffset({ topic, partition }, { signal });
    logger.error(
      { partition, from: String(from), to: String(begin) },
      'the offset lies outside of what Kafka has kept: going on from its beginning',
    );
    await ports.store.transaction(({ offsets }) => offsets.move({ topic, partition }, from, begin), { signal });
    beginning = undefined;
    forget();
  }

  async function loop(): Promise<void> {
    while (!signal.aborted) {
      try {
        await step();
      } catch (error) {
        if (signal.aborted) return;
        forget();
        if (error instanceof PartitionMoved) {
          logger.info({ partition }, 'the partition was moved by somebody else: going on from where it stands');
          continue;
        }
        // Lost against somebody else's transaction; the same again may well win.
        if (isLostRace(error)) continue;
        if (failures === 0)
          logger.warn({ partition, err: error }, 'the partition rests: its messages cannot be stored');
        await sleep(Math.min(BACKOFF_BASE_MS * 2 ** failures, BACKOFF_MAX_MS), undefined, { signal }).catch(() => {});
        failures += 1;
        batchMax = Math.ceil(batchMax / 2);
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
      // What was asked for before something went wrong does not belong here any more.
      if (position === undefined || from !== fetchFrom || next === from) return;
      queue.push(...records);
      fetchFrom = next;
      arrive();
    },
    lag: () => (position === undefined || end < position ? 0n : end - position),
    restart(begin) {
      beginning = begin;
      arrive();
    },
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('the partition was given up'));
      arrive();
      await ended;
    },
  };

  function arrive(): void {
    arrival.resolve();
  }
}
