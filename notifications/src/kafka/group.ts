import { setTimeout as sleep } from 'node:timers/promises';
import { ConnectionPool, Consumer, FetchIsolationLevels, findErrorBy } from '@platformatic/kafka';
import { type KafkaAccess, toKafkaClient } from 'service-kit';
import type { KafkaRecord } from './read-message.ts';
import { toRecords } from './records.ts';

export interface KafkaGroupOptions extends KafkaAccess {
  readonly topic: string;
  readonly group: string;
  /** After so long without a heartbeat, a member loses its partitions to the others. */
  readonly sessionTimeoutMs: number;
}

/** A position in a partition. */
export interface Wanted {
  readonly partition: number;
  readonly offset: bigint;
}

export interface Fetched {
  readonly partition: number;
  /** The requested offset. */
  readonly from: bigint;
  readonly records: readonly KafkaRecord[];
  /** The offset behind the records, and behind markers of transactions. */
  readonly next: bigint;
  /** The offset behind the newest message. */
  readonly end: bigint;
  /** The requested offset is before the oldest or behind the newest. */
  readonly isOutOfRange: boolean;
}

/** A member of the consumer group. After a failure it is closed, and a new one joins. */
export interface KafkaGroup {
  /** Joins, and reports the assigned partitions now and after each change. */
  join(onAssigned: (partitions: readonly number[]) => void): Promise<void>;
  /** Rejects when the membership is lost for good. */
  readonly lost: Promise<never>;
  /**
   * Waits for messages if there are none.
   * @param areOthersWaiting whether further partitions are fetched next, so that the wait has to be short
   */
  fetch(wanted: readonly Wanted[], areOthersWaiting: boolean): Promise<Fetched[]>;
  /** The oldest offset of the log. */
  readBegin(partition: number): Promise<bigint>;
  /** Commits to Kafka. Only Kafka's tools read it, to show the group's lag. */
  commit(offsets: readonly Wanted[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * A broker holds a response so long until there are messages, which also bounds the delay of a new partition. An idle fetch takes brokers
 * and consumer some 4 ms of CPU.
 */
const FETCH_WAIT_MS = 2_000;
/** While the messages of other brokers or of other partitions wait for the response. */
const FETCH_WAIT_SHORT_MS = 500;
/** Of one response, and of one partition in it. */
const FETCH_BYTES_MAX = 2 * 1_048_576;
const PARTITION_BYTES_MAX = 262_144;
const HEARTBEAT_MS = 2_000;
/** The group waits so long for a member that does not rejoin. */
const REBALANCE_TIMEOUT_MS = 10_000;
/** If the brokers do not answer in time, the session has to expire: a stop has no time for more. */
const CLOSE_TIMEOUT_MS = 700;
const CLIENT_ID = 'notifications';
const TIMEOUTS = { connectTimeout: 3_000, requestTimeout: 20_000, retries: 3, retryDelay: 250 } as const;
/** Skips the check of the leader's epoch. */
const ANY_EPOCH = -1;
/** By Kafka's protocol, the time that stands for the oldest message. */
const EARLIEST = -2n;

export function openKafkaGroup({ topic, group, sessionTimeoutMs, ...access }: KafkaGroupOptions): KafkaGroup {
  const client = { ...toKafkaClient(access), ...TIMEOUTS };
  /** A broker answers the requests of a connection in turn, and heartbeats must not wait until there are messages. */
  const connectionPool = new ConnectionPool(CLIENT_ID, client);
  const consumer = new Consumer({
    clientId: CLIENT_ID,
    ...client,
    groupId: group,
    sessionTimeout: sessionTimeoutMs,
    rebalanceTimeout: REBALANCE_TIMEOUT_MS,
    heartbeatInterval: HEARTBEAT_MS,
    heartbeatStallTimeout: sessionTimeoutMs,
    autocommit: false,
  });
  const { promise: lost, reject: lose } = Promise.withResolvers<never>();
  lost.catch(() => {});
  consumer.on('error', (error: Error) => lose(error));
  consumer.on('consumer:heartbeat:stalled', ({ lastError }) => {
    lose(new Error('Kafka has not answered heartbeats for too long', { cause: lastError }));
  });

  async function fetchFrom(
    [node, wanted]: readonly [number, readonly Wanted[]],
    topicId: string,
    waitMs: number,
  ): Promise<Fetched[]> {
    const partitions = wanted.map(({ partition, offset }) => ({
      partition,
      fetchOffset: offset,
      partitionMaxBytes: PARTITION_BYTES_MAX,
      currentLeaderEpoch: ANY_EPOCH,
      lastFetchedEpoch: ANY_EPOCH,
    }));
    const topics = [{ topicId, partitions }];
    // loms uses no transactions, and an open transaction of a foreign producer must not block the partition.
    const isolationLevel = FetchIsolationLevels.READ_UNCOMMITTED;
    const limits = { maxWaitTime: waitMs, minBytes: 1, maxBytes: FETCH_BYTES_MAX };
    const response = await consumer
      .fetch({ node, topics, ...limits, isolationLevel, connectionPool })
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
    async fetch(wanted, areOthersWaiting) {
      const metadata = await consumer.metadata({ topics: [topic] });
      const known = metadata.topics.get(topic);
      if (!known) throw new Error(`Kafka has no topic ${topic}`);
      const byLeader = Map.groupBy(wanted, ({ partition }) => known.partitions[partition]?.leader ?? -1);
      const waitMs = areOthersWaiting || byLeader.size > 1 ? FETCH_WAIT_SHORT_MS : FETCH_WAIT_MS;
      const answers = await Promise.all([...byLeader].map((some) => fetchFrom(some, known.id, waitMs)));
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
      // Leaves the group, or the other members would wait for the session to expire.
      const closed = Promise.allSettled([connectionPool.close(), consumer.close(true)]);
      await Promise.race([closed, sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false })]);
    },
  };
}

type FetchResponse = Awaited<ReturnType<Consumer['fetch']>>;

/** One offset out of range fails the fetch of all partitions; the error holds the response. */
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
      // A broker may still answer for a partition of an earlier fetch.
      if (from === undefined) return [];
      const { records: read, next } = toRecords(records ?? [], from);
      const isOutOfRange = errorCode === OFFSET_OUT_OF_RANGE;
      return [{ partition: partitionIndex, from, records: read, next, end: highWatermark, isOutOfRange }];
    });
}
