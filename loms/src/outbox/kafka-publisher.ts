import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { outsideCalls, raceSignal } from 'rpc-kit';
import type { KafkaAccess } from 'service-kit';
import { orderEvents } from '../../contract.ts';
import { type EventPublisher, type FailedEvent, type OrderEvent, PublisherUnavailable } from './event.ts';
import { bytesOf, type KafkaMessage, toMessage } from './kafka-message.ts';
import { createKafkaProducer, isRefusal, isTransient } from './kafka-producer.ts';
import { ensureTopic } from './kafka-topic.ts';
import { logReachability } from './reachability.ts';

export interface KafkaPublisherOptions extends KafkaAccess {
  /** Default: the contract's. */
  readonly topic?: string;
  /** Of a topic that does not exist yet. */
  readonly partitions: number;
  readonly replication: number;
  readonly logger: Logger;
  readonly registry: Registry;
}

export interface KafkaPublisher extends EventPublisher, AsyncDisposable {}

/**
 * For a batch, its wait for the request before it and all attempts: below the lease of the outbox, so that no other relay sends the
 * same events meanwhile.
 */
const BATCH_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 500;
/**
 * Brokers refuse more than 1 MB for a partition, unless they are configured otherwise. A batch with the longest baggage has nearly
 * 5 MB, one without baggage at most half a megabyte.
 */
const REQUEST_BYTES_MAX = 900_000;

interface Outgoing {
  readonly event: OrderEvent;
  readonly message: KafkaMessage;
}

/** Publishes events through Kafka: a request for nearly each batch, and one at a time, which the idempotent producer requires. */
export function openKafkaPublisher(options: KafkaPublisherOptions): KafkaPublisher {
  const { topic = orderEvents.topic } = options;
  const producer = createKafkaProducer(options);
  const reachability = logReachability(options.logger, 'Kafka');
  const count = counter(options.registry);
  let sending: Promise<unknown> = Promise.resolve();
  let hasTopic = false;
  let isClosed = false;

  async function prepare(): Promise<void> {
    if (hasTopic) return;
    await ensureTopic({ ...options, topic });
    hasTopic = true;
  }

  async function sendBatch(events: readonly OrderEvent[], time: AbortSignal): Promise<readonly FailedEvent[]> {
    if (isClosed) throw new PublisherUnavailable('loms stops');
    const { outgoing, failed } = toOutgoing(events, topic);
    let left: readonly Outgoing[] = outgoing;
    try {
      if (left.length > 0) await raceSignal(prepare(), time);
      while (left.length > 0) {
        const part = left.slice(0, countWithin(left));
        await producer.send(
          part.map(({ message }) => message),
          time,
        );
        accepted(part.length);
        left = left.slice(part.length);
      }
      return failed;
    } catch (error) {
      count.inc({ result: 'failed' }, left.length);
      if (isRefusal(error)) return [...failed, ...(await sendEach(left, time))];
      throw unavailable(time.aborted ? overtime() : error);
    }
  }

  /**
   * A broker has refused something of the batch, so each message is sent alone: each event gets its own outcome, and only the
   * orders concerned wait. Some events are stored twice, which is harmless.
   */
  async function sendEach(batch: readonly Outgoing[], time: AbortSignal): Promise<FailedEvent[]> {
    const failed = new Map<bigint, FailedEvent>();
    let isAnyAccepted = false;
    for (const { event, message } of batch) {
      // Nothing overtakes an event that failed.
      if (failed.has(event.orderID)) continue;
      try {
        await producer.send([message], time);
        accepted(1);
        isAnyAccepted = true;
      } catch (reason) {
        failed.set(event.orderID, { event, error: time.aborted ? overtime() : reason });
      }
    }
    const failures = [...failed.values()];
    // Kafka is not ready, and no event is to blame.
    if (!isAnyAccepted && failures.every(({ error }) => isTransient(error))) throw unavailable(failures[0]?.error);
    return failures;
  }

  function accepted(events: number): void {
    count.inc({ result: 'sent' }, events);
    reachability.onAccepted();
  }

  function unavailable(cause: unknown): PublisherUnavailable {
    reachability.onRefused(cause);
    hasTopic = false;
    return new PublisherUnavailable('Kafka accepts no events right now', { cause });
  }

  // Consumers need the topic, also while no order changes for hours.
  prepare().then(reachability.onAccepted, reachability.onRefused);

  return {
    async publish(events, { signal }) {
      signal.throwIfAborted();
      const time = AbortSignal.timeout(BATCH_TIMEOUT_MS);
      // Connections are opened for many batches, and outlive them.
      const sent = sending.then(() => outsideCalls(() => sendBatch(events, time)));
      sending = sent.catch(() => {});
      return raceSignal(sent, signal);
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      await producer.close();
      // A request to brokers that do not answer is abandoned.
      await Promise.race([sending, sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false })]);
    },
  };
}

/** The messages of the events; one that cannot be written as a message fails alone, with those behind it. */
function toOutgoing(events: readonly OrderEvent[], topic: string) {
  const outgoing: Outgoing[] = [];
  const failed = new Map<bigint, FailedEvent>();
  for (const event of events) {
    if (failed.has(event.orderID)) continue;
    try {
      outgoing.push({ event, message: toMessage(event, topic) });
    } catch (error) {
      failed.set(event.orderID, { event, error });
    }
  }
  return { outgoing, failed: [...failed.values()] };
}

/** The first of these messages that fit into a request, at least one. */
function countWithin(outgoing: readonly Outgoing[]): number {
  let bytes = 0;
  const end = outgoing.findIndex(({ message }) => {
    bytes += bytesOf(message);
    return bytes > REQUEST_BYTES_MAX;
  });
  return end < 0 ? outgoing.length : Math.max(end, 1);
}

const overtime = (): Error => new Error(`Kafka did not accept it within ${BATCH_TIMEOUT_MS / 1000} s`);

function counter(registry: Registry) {
  return new Counter({
    name: 'events_published_total',
    help: 'Events sent to Kafka, by whether all in-sync replicas have stored them.',
    labelNames: ['result'],
    registers: [registry],
  });
}
