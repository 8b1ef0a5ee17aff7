import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { outsideCalls, raceSignal } from 'rpc-kit';
import type { KafkaAccess } from 'service-kit';
import { orderEvents } from '../../contract.ts';
import { type EventPublisher, PublisherUnavailable } from './event.ts';
import { type KafkaMessage, toMessage } from './kafka-message.ts';
import { createKafkaProducer, isPassing, isRefusal } from './kafka-producer.ts';
import { ensureTopic } from './kafka-topic.ts';

export interface KafkaPublisherOptions extends KafkaAccess {
  /** Default: the contract's. */
  readonly topic?: string;
  /** Of a topic that is not there yet. */
  readonly partitions: number;
  readonly replication: number;
  readonly logger: Logger;
  readonly registry: Registry;
}

export interface KafkaPublisher extends EventPublisher, AsyncDisposable {}

/** Messages of one request: far below the megabyte that a broker takes, and more than rounds of the relay hold. */
const BATCH_MAX = 500;
/** The relay brings far fewer at a time; more than this is a mistake, and must not fill the memory. */
const WAITING_MAX = 5_000;
/** For all that is tried with a batch: below the lease of the outbox, so that nobody else sends what is still being sent here. */
const BATCH_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 500;

interface Waiting {
  readonly message: KafkaMessage;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Delivers events through Kafka. Those that are brought while a request is under way go together in the next one, so there
 * is one request at a time and still no event waits for a timer.
 */
export function openKafkaPublisher(options: KafkaPublisherOptions): KafkaPublisher {
  const { topic = orderEvents.topic } = options;
  const producer = createKafkaProducer(options);
  const reach = reachability(options.logger, topic);
  const count = counter(options.registry);
  let waiting: Waiting[] = [];
  let sending: Promise<void> | undefined;
  let hasTopic = false;

  async function prepare(): Promise<void> {
    if (hasTopic) return;
    await ensureTopic({ ...options, topic });
    hasTopic = true;
  }

  async function sendAll(): Promise<void> {
    while (waiting.length > 0) {
      // Whatever else is brought at this moment comes along.
      await new Promise(setImmediate);
      const batch = waiting.slice(0, BATCH_MAX);
      waiting = waiting.slice(BATCH_MAX);
      const time = AbortSignal.timeout(BATCH_TIMEOUT_MS);
      try {
        await raceSignal(prepare(), time);
        await producer.send(
          batch.map(({ message }) => message),
          time,
        );
        taken(batch);
      } catch (error) {
        count.inc({ result: 'failed' }, batch.length);
        if (isRefusal(error)) await sendEach(batch, time);
        else giveUp(batch, time.aborted ? overtime() : error);
      }
    }
  }

  /**
   * Brokers are there, but one has refused something of the batch: one after the other then, so that each event learns its own
   * outcome and only the orders concerned wait. Some events come to lie there twice, which is harmless.
   */
  async function sendEach(batch: readonly Waiting[], time: AbortSignal): Promise<void> {
    const failed: { readonly one: Waiting; readonly error: unknown }[] = [];
    for (const one of batch) {
      const error = await producer.send([one.message], time).then(
        () => taken([one]),
        (reason: unknown) => (time.aborted ? overtime() : reason),
      );
      if (error !== undefined) failed.push({ one, error });
    }
    const isNoneTaken = failed.length === batch.length;
    // Then it is Kafka that is not ready, and no event is to blame.
    if (isNoneTaken && failed.every(({ error }) => isPassing(error))) giveUp(batch, failed[0]?.error);
    else for (const { one, error } of failed) one.reject(error);
  }

  function taken(batch: readonly Waiting[]): void {
    for (const { resolve } of batch) resolve();
    count.inc({ result: 'sent' }, batch.length);
    reach.found();
  }

  function giveUp(batch: readonly Waiting[], error: unknown): void {
    reach.lost(error);
    hasTopic = false;
    const unavailable = new PublisherUnavailable('Kafka does not take events right now', { cause: error });
    for (const { reject } of [...batch, ...waiting.splice(0)]) reject(unavailable);
  }

  function pump(): void {
    // It sends the events of many calls, and opens connections that outlive them.
    sending ??= outsideCalls(sendAll).finally(() => {
      sending = undefined;
    });
  }

  // Also where nothing happens for hours, the topic has to be there for those who listen.
  prepare().then(reach.found, reach.lost);

  return {
    async publish(event, { signal }) {
      signal.throwIfAborted();
      if (waiting.length >= WAITING_MAX) throw new PublisherUnavailable('too many events wait for Kafka already');
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      waiting.push({ message: toMessage(event, topic), resolve, reject });
      pump();
      await raceSignal(promise, signal);
    },
    async [Symbol.asyncDispose]() {
      const left = waiting.splice(0);
      for (const { reject } of left) reject(new PublisherUnavailable('loms stops'));
      await producer.close();
      // A request to brokers that do not answer ends with the process.
      await Promise.race([sending, sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false })]);
    },
  };
}

const overtime = (): Error => new Error(`Kafka did not take it within ${BATCH_TIMEOUT_MS / 1000} s`);

function counter(registry: Registry) {
  return new Counter({
    name: 'events_published_total',
    help: 'Events sent to Kafka, by whether all brokers in sync have taken them.',
    labelNames: ['result'],
    registers: [registry],
  });
}

/** One line when Kafka goes and one when it is back, however many events meet it meanwhile. */
function reachability(logger: Logger, topic: string) {
  let state: 'unknown' | 'found' | 'lost' = 'unknown';
  return {
    found(): void {
      if (state !== 'found') logger.info({ topic }, 'Kafka takes events');
      state = 'found';
    },
    lost(err: unknown): void {
      if (state !== 'lost') logger.warn({ topic, err }, 'Kafka takes no events: they wait in the outbox until it does');
      state = 'lost';
    },
  };
}
