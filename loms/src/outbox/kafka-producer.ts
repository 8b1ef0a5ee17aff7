import { setTimeout as sleep } from 'node:timers/promises';
import { compatibilityPartitioner, findErrorBy, Producer } from '@platformatic/kafka';
import { raceSignal } from 'rpc-kit';
import { type KafkaAccess, toKafkaClient } from 'service-kit';
import type { KafkaMessage } from './kafka-message.ts';
import { KAFKA_TIMEOUTS } from './kafka-topic.ts';

const CLOSE_TIMEOUT_MS = 1_000;

export interface KafkaProducer {
  /** Resolves when all in-sync replicas have stored all messages; when it rejects, any of them may be stored. */
  send(messages: readonly KafkaMessage[], signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/**
 * Replaces its producer after a send that failed: that producer's state of connections, leaders and sequence numbers is
 * uncertain, and a new one costs a few round trips.
 */
export function createKafkaProducer(access: KafkaAccess): KafkaProducer {
  let current: Producer | undefined;

  function open(): Producer {
    return new Producer({
      clientId: 'loms',
      ...toKafkaClient(access),
      ...KAFKA_TIMEOUTS,
      // Retries of a send store one message. That requires acks of all replicas and one request at a time.
      idempotent: true,
      // The partition that Java's own producer would choose for a key.
      partitioner: compatibilityPartitioner,
    });
  }

  async function close(): Promise<void> {
    const closing = current;
    current = undefined;
    if (!closing) return;
    await Promise.race([closing.close().catch(() => {}), sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false })]);
  }

  return {
    async send(messages, signal) {
      signal.throwIfAborted();
      current ??= open();
      const sent = current.send({ messages: [...messages], idempotent: true });
      // A send that outlives the signal may reject later.
      sent.catch(() => {});
      try {
        await raceSignal(sent, signal);
      } catch (error) {
        await close();
        throw error;
      }
    },
    close,
  };
}

/** Whether a broker answered and refused a message: it may accept the others. */
export function isRefusal(error: unknown): boolean {
  return findErrorBy(error as Error, 'code', 'PLT_KFK_PROTOCOL') !== null;
}

/** Whether the same send may succeed later: no broker answered, or one that is not ready, as after its start. */
export function isTransient(error: unknown): boolean {
  return !isRefusal(error) || findErrorBy(error as Error, 'canRetry', false) === null;
}
