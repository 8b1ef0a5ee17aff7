import { setTimeout as sleep } from 'node:timers/promises';
import { Consumer, FetchIsolationLevels, findErrorBy } from '@platformatic/kafka';
import { type KafkaAccess, toKafkaClient } from 'service-kit';
import type { KafkaRecord } from './read-message.ts';
import { toRecords } from './records.ts';

export interface KafkaGroupOptions extends KafkaAccess {
  readonly topic: string;
  readonly group: string;
  /** Without a sign of life for so long, a member has lost its partitions to the others. */
  readonly sessionTimeoutMs: number;
}

/** What is wanted of a partition. */
export interface Wanted {
  readonly partition: number;
  readonly offset: bigint;
}

/** What there was of it. */
export interface Fetched {
  readonly partition: number;
  /** The offset that was wanted. */
  readonly from: bigint;
  readonly records: readonly KafkaRecord[];
  /** Where to go on: beyond the records, and beyond what is none (a transaction's markers). */
  readonly next: bigint;
  /** The offset that the next message to be written will have. */
  readonly end: bigint;
  /** The wanted offset lies before the oldest or after the newest. */
  readonly isOutOfRange: boolean;
}

/** A member of the consumer group. After any failure it is closed, and a new one joins. */
export interface KafkaGroup {
  /** Joins, and tells which partitions are ours, now and whenever that changes. */
  join(onAssigned: (partitions: readonly number[]) => void): Promise<void>;
  /** Rejects when the membership is lost for good. */
  readonly lost: Promise<never>;
  /** Waits a moment for messages where there are none. */
  fetch(wanted: readonly Wanted[]): Promise<Fetched[]>;
  /** The oldest offset that is still there. */
  readBegin(partition: number): Promise<bigint>;
  /** Tells Kafka how far we are: nobody reads it here, but it is what tools for Kafka show as the group's lag. */
  commit(offsets: readonly Wanted[]): Promise<void>;
  close(): Promise<void>;
}

/** How long a broker may hold an answer until there are messages: also how late a stop or a new partition may be noticed. */
const FETCH_WAIT_MS = 250;
/** At most this much is on its way at a time, and of one partition. */
const FETCH_BYTES_MAX = 2 * 1_048_576;
const PARTITION_BYTES_MAX = 262_144;
const HEARTBEAT_MS = 2_000;
/** The others wait no longer for one that does not come back to the group. */
const REBALANCE_TIMEOUT_MS = 10_000;
/** A farewell that brokers do not take is left to the session's end; a stop has no time for more. */
const CLOSE_TIMEOUT_MS = 700;
const TIMEOUTS = { connectTimeout: 3_000, requestTimeout: 20_000, retries: 3, retryDelay: 250 } as const;
/** The library's word for: whatever the leader's epoch is. */
const ANY_EPOCH = -1;
/** By Kafka's protocol, the time that stands for the oldest message. */
const EARLIEST = -2n;

export function openKafkaGroup({ topic, group, sessionTimeoutMs, ...access }: KafkaGroupOptions): KafkaGroup {
  const consumer = new Consumer({
    clientId: 'notifications',
    ...toKafkaClient(access),
    groupId: group,
    sessionTimeout: sessionTimeoutMs,
    rebalanceTimeout: REBALANCE_TIMEOUT_MS,
    heartbeatInterval: HEARTBEAT_MS,
    heartbeatStallTimeout: sessionTimeoutMs,
    autocommit: false,
    ...TIMEOUTS,
  });
  const { promise: lost, reject: lose } = Promise.withResolvers<never>();
  lost.catch(() => {});
  consumer.on('error', (error: Error) => lose(error));
  consumer.on('consumer:heartbeat:stalled', ({ lastError }) => {
    lose(new Error('Kafka has not answered heartbeats for too long', { cause: lastError }));
  });

  async function fetchFrom(node: number, topicId: string, wanted: readonly Wanted[]): Promise<Fetched[]> {
    const partitions = wanted.map(({ partition, offset }) => ({
      partition,
      fetchOffset: offset,
      partitionMaxBytes: PARTITION_BYTES_MAX,
      currentLeaderEpoch: ANY_EPOCH,
      lastFetchedEpoch: ANY_EPOCH,
    }));
    const topics = [{ topicId, partitions }];
    // loms uses no transactions. Waiting for those of others would let each that stays open hold up the partition.
    const isolationLevel = FetchIsolationLevels.READ_UNCOMMITTED;
    const response = await consumer
      .fetch({ node, topics, maxWaitTime: FETCH_WAIT_MS, minBytes: 1, maxBytes: FETCH_BYTES_MAX, isolationLevel })
      .catch(outOfRangeOnly);
    return toFetched(response, wanted);
  }

  return {
    lost,
    async join(onAssigned) {
      consumer.topics.track(topic);
      consumer.on('consumer:group:join', ({ assignments }) => {
        onAssigned(assignments?.find((assignment) => assignment.topic === topic)?.partitions ?? []);
      });
      await consumer.joinGroup({});
    },
    async fetch(wanted) {
      const metadata = await consumer.metadata({ topics: [topic] });
      const known = metadata.topics.get(topic);
      if (!known) throw new Error(`Kafka has no topic ${topic}`);
      const byLeader = Map.groupBy(wanted, ({ partition }) => known.partitions[partition]?.leader ?? -1);
      const answers = await Promise.all([...byLeader].map(([node, some]) => fetchFrom(node, known.id, some)));
      return answers.flat();
    },
    async readBegin(partition) {
      const offsets = await consumer.listOffsets({
        topics: [topic],
        partitions: { [topic]: [partition] },
        timestamp: EARLIEST,
      });
      return offsets.get(topic)?.[partition] ?? 0n;
    },
    async commit(offsets) {
      if (!consumer.isActive()) return;
      const positions = offsets.map(({ partition, offset }) => ({ topic, partition, offset, leaderEpoch: ANY_EPOCH }));
      await consumer.commit({ offsets: positions });
    },
    async close() {
      // Without the farewell the others would wait for the session to run out.
      await Promise.race([consumer.close(true).catch(() => {}), sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false })]);
    },
  };
}

type FetchResponse = Awaited<ReturnType<Consumer['fetch']>>;

/** A fetch of several partitions fails whole where one offset is out of range; the answer is in the error then. */
function outOfRangeOnly(error: unknown): FetchResponse {
  const found = error instanceof Error ? findErrorBy(error, 'apiId', 'OFFSET_OUT_OF_RANGE') : null;
  const response = error instanceof Error ? (findResponse(error) as FetchResponse | undefined) : undefined;
  if (!found || !response || response.errorCode !== 0) throw error;
  return response;
}

function findResponse(error: Error & { response?: unknown; errors?: unknown[] }): unknown {
  return error.response ?? error.errors?.map((inner) => findResponse(inner as Error)).find(Boolean);
}

/** By Kafka's protocol. */
const OFFSET_OUT_OF_RANGE = 1;

function toFetched(response: FetchResponse, wanted: readonly Wanted[]): Fetched[] {
  return response.responses
    .flatMap(({ partitions }) => partitions)
    .flatMap(({ partitionIndex, errorCode, highWatermark, records }) => {
      const from = wanted.find(({ partition }) => partition === partitionIndex)?.offset;
      // A broker may still speak of a partition that was wanted before.
      if (from === undefined) return [];
      const { records: read, next } = toRecords(records ?? [], from);
      const isOutOfRange = errorCode === OFFSET_OUT_OF_RANGE;
      return [{ partition: partitionIndex, from, records: read, next, end: highWatermark, isOutOfRange }];
    });
}
