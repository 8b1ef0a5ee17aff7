import { orderEvents } from 'loms/contract.ts';
import type { KafkaAccess } from 'service-kit';
import type { EventConsumerOptions } from './consumer.ts';

/** All replicas share the events of loms as one group. */
const GROUP = 'notifications';

/** Takes order events from Kafka until disposed, where brokers are named. */
export async function openEventConsumer(
  access: KafkaAccess | undefined,
  options: Omit<EventConsumerOptions, keyof KafkaAccess | 'topic' | 'group'>,
): Promise<AsyncDisposable> {
  if (!access) return { [Symbol.asyncDispose]: async () => {} };
  // The client of Kafka takes half a second to load, so it is loaded only where it is wanted.
  const { startEventConsumer } = await import('./consumer.ts');
  return startEventConsumer({ ...options, ...access, topic: orderEvents.topic, group: GROUP });
}
