import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { outsideCalls, raceSignal } from 'rpc-kit';
import type { KafkaAccess } from 'service-kit';
import { orderEvents } from '../../contract.ts';
import { type EventPublisher, PublisherUnavailable } from './event.ts';
import { type KafkaMessage, toMessage } from './kafka-message.ts';
import { createKafkaProducer, isRefusal, isTransient } from './kafka-producer.ts';
import { ensureTopic } from './kafka-topic.ts';

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

/** Messages of one request: far below the megabyte that a broker accepts, and more than the relay has in flight. */
const BATCH_MAX = 500;
/** The relay has far fewer in flight; more than this is a mistake, and must not fill the memory. */
const QUEUE_MAX = 5_000;
/** For all attempts with a batch: below the lease of the outbox, so that no other relay sends the same events meanwhile. */
const BATCH_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 500;

interface QueuedMessage {
  readonly message: KafkaMessage;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Publishes events through Kafka. Events that arrive while a request is in flight share the next one, so there is one request
 * at a time, and no event waits for a timer.
 */
export function openKafkaPublisher(options: KafkaPublisherOptions): KafkaPublisher {
  const { topic = orderEvents.topic } = options;
  const producer = createKafkaProducer(options);
  const reachability = logReachability(options.logger, topic);
  const count = counter(options.registry);
  let queue: QueuedMessage[] = [];
  let sending: Promise<void> | undefined;
  let hasTopic = false;

  async function prepare(): Promise<void> {
    if (hasTopic) return;
    await ensureTopic({ ...options, topic });
    hasTopic = true;
  }

  async function sendAll(): Promise<void> {
    while (queue.length > 0) {
      // Events of the same turn share the request.
      await new Promise(setImmediate);
      const batch = queue.slice(0, BATCH_MAX);
      queue = queue.slice(BATCH_MAX);
      const time = AbortSignal.timeout(BATCH_TIMEOUT_MS);
      try {
        await raceSignal(prepare(), time);
        await producer.send(
          batch.map(({ message }) => message),
          time,
        );
        accepted(batch);
      } catch (error) {
        count.inc({ result: 'failed' }, batch.length);
        if (isRefusal(error)) await sendEach(batch, time);
        else giveUp(batch, time.aborted ? overtime() : error);
      }
    }
  }

  /**
   * A broker has refused something of the batch, so each message is sent alone: each event gets its own outcome, and only the
   * orders concerned wait. Some events are stored twice, which is harmless.
   */
  async function sendEach(batch: readonly QueuedMessage[], time: AbortSignal): Promise<void> {
    const failed: { readonly one: QueuedMessage; readonly error: unknown }[] = [];
    for (const one of batch) {
      const error = await producer.send([one.message], time).then(
        () => accepted([one]),
        (reason: unknown) => (time.aborted ? overtime() : reason),
      );
      if (error !== undefined) failed.push({ one, error });
    }
    const isNoneAccepted = failed.length === batch.length;
    // Kafka is not ready, and no event is to blame.
    if (isNoneAccepted && failed.every(({ error }) => isTransient(error))) giveUp(batch, failed[0]?.error);
    else for (const { one, error } of failed) one.reject(error);
  }

  function accepted(batch: readonly QueuedMessage[]): void {
    for (const { resolve } of batch) resolve();
    count.inc({ result: 'sent' }, batch.length);
    reachability.onAccepted();
  }

  function giveUp(batch: readonly QueuedMessage[], error: unknown): void {
    reachability.onRefused(error);
    hasTopic = false;
    const unavailable = new PublisherUnavailable('Kafka accepts no events right now', { cause: error });
    for (const { reject } of [...batch, ...queue.splice(0)]) reject(unavailable);
  }

  function pump(): void {
    // The loop sends the events of many calls, and opens connections that outlive them.
    sending ??= outsideCalls(sendAll).finally(() => {
      sending = undefined;
    });
  }

  // Consumers need the topic, also while no order changes for hours.
  prepare().then(reachability.onAccepted, reachability.onRefused);

  return {
    async publish(event, { signal }) {
      signal.throwIfAborted();
      if (queue.length >= QUEUE_MAX)
        throw new PublisherUnavailable(`more than ${QUEUE_MAX} events are queued for Kafka`);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      queue.push({ message: toMessage(event, topic), resolve, reject });
      pump();
      await raceSignal(promise, signal);
    },
    async [Symbol.asyncDispose]() {
      const left = queue.splice(0);
      for (const { reject } of left) reject(new PublisherUnavailable('loms stops'));
      await producer.close();
      // A request to brokers that do not answer is abandoned.
      await Promise.race([sending, sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false })]);
    },
  };
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

/** One line when Kafka stops accepting events, and one when it accepts them again. */
function logReachability(logger: Logger, topic: string) {
  let state: 'unknown' | 'accepting' | 'refusing' = 'unknown';
  return {
    onAccepted(): void {
      if (state !== 'accepting') logger.info({ topic }, 'Kafka accepts events');
      state = 'accepting';
    },
    onRefused(err: unknown): void {
      if (state !== 'refusing') {
        logger.warn({ topic, err }, 'Kafka accepts no events: they stay in the outbox until it does');
      }
      state = 'refusing';
    },
  };
}
