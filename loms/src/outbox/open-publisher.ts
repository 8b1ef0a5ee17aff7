import { notifications } from 'notifications/contract.ts';
import type { Logger } from 'pino';
import { type KafkaConfig, openPeer, type PeerOptions, readKafkaAccess } from 'service-kit';
import { orderEvents } from '../../contract.ts';
import type { EventPublisher } from './event.ts';
import { createRpcPublisher } from './rpc-publisher.ts';
import { spansOfTopic, tracePublisher } from './traced-publisher.ts';

export interface PublisherSettings extends KafkaConfig {
  readonly KAFKA_PARTITIONS: number;
  readonly KAFKA_REPLICATION: number;
  readonly NOTIFICATIONS_URL?: readonly string[] | undefined;
}

/** Events travel through Kafka where brokers are configured, else by RPC to notifications. */
export async function openPublisher(
  settings: PublisherSettings,
  {
    logger,
    registry,
    identity,
    userAgent,
  }: Pick<PeerOptions, 'registry' | 'identity' | 'userAgent'> & { logger: Logger },
): Promise<EventPublisher & AsyncDisposable> {
  const { NOTIFICATIONS_URL: urls = [] } = settings;
  const access = readKafkaAccess(settings);
  if (access) {
    // Kafka's client takes half a second to load, so only services that use it load it.
    const { openKafkaPublisher } = await import('./kafka-publisher.ts');
    const { KAFKA_PARTITIONS: partitions, KAFKA_REPLICATION: replication } = settings;
    const publisher = openKafkaPublisher({ ...access, partitions, replication, logger, registry });
    return tracePublisher(publisher, spansOfTopic(orderEvents.topic));
  }
  const peer = openPeer(notifications, { urls, userAgent, identity, registry, logger });
  const publisher = tracePublisher(createRpcPublisher(peer.client, logger), { name: 'deliver event', attributes: {} });
  return { ...publisher, [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose]() };
}
