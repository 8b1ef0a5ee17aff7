import { notifications } from 'notifications/contract.ts';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { type KafkaConfig, openPeer, readKafkaAccess } from 'service-kit';
import { loms, orderEvents } from '../../contract.ts';
import type { EventSink } from '../domain/ports.ts';
import { createNotificationsSink } from './notifications.ts';
import { traceEvents } from './traced-events.ts';

export interface EventSinkSettings extends KafkaConfig {
  readonly KAFKA_PARTITIONS: number;
  readonly KAFKA_REPLICATION: number;
  readonly NOTIFICATIONS_URL?: readonly string[] | undefined;
}

/** The way that events take: Kafka where brokers are named, else straight to notifications. */
export async function openEventSink(
  settings: EventSinkSettings,
  logger: Logger,
  registry: Registry,
): Promise<EventSink & AsyncDisposable> {
  const { NOTIFICATIONS_URL: urls = [] } = settings;
  const access = readKafkaAccess(settings);
  if (access) {
    // The client of Kafka takes half a second to load, so it is loaded only where it is wanted.
    const { openKafkaEvents } = await import('./kafka-events.ts');
    const { KAFKA_PARTITIONS: partitions, KAFKA_REPLICATION: replication } = settings;
    return traceEvents(openKafkaEvents({ ...access, partitions, replication, logger, registry }), orderEvents.topic);
  }
  const peer = openPeer(notifications, { urls, userAgent: `loms/${loms.version}`, registry, logger });
  return { ...createNotificationsSink(peer.client), [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose]() };
}
