import { commonVariables, kafkaVariables, variable } from 'service-kit';
import { z } from 'zod';

const TEN_MINUTES_MS = 600_000;

/** Enough for a few replicas of notifications to share; a topic that is there keeps its own number. */
const PARTITIONS = 6;

export const lomsConfig = z
  .object({
    PORT: variable.port(8081).describe('Port to listen on; 0 picks a free one.'),
    ...commonVariables,
    ...kafkaVariables('With them order events travel through Kafka.'),
    KAFKA_PARTITIONS: variable.count(PARTITIONS).describe('Partitions of the topic, where it is made at the start.'),
    KAFKA_REPLICATION: variable.count(1).describe('Replicas of each partition, where the topic is made at the start.'),
    NOTIFICATIONS_URL: variable
      .httpUrls()
      .optional()
      .describe(
        'Where notifications answers: order events are delivered there, unless KAFKA_BROKERS is set. One of the two has to be. Several, by commas, share the calls.',
      ),
    ORDER_PAYMENT_TIMEOUT_MS: variable
      .milliseconds(TEN_MINUTES_MS)
      .describe('How long an order may await payment before it is cancelled.'),
    OUTBOX_KEPT_HOURS: variable.count(24).describe('How long an event is kept after it was delivered.'),
    OPERATIONS_KEPT_DAYS: variable.count(30).describe('How long the journal of operations goes back.'),
  })
  .refine(({ KAFKA_BROKERS, NOTIFICATIONS_URL }) => KAFKA_BROKERS || NOTIFICATIONS_URL, {
    path: ['NOTIFICATIONS_URL'],
    error: 'either it or KAFKA_BROKERS has to be set',
  });
