import {
  checkKafka,
  commonVariables,
  EVEN_WITH_MISTAKES,
  KEPT_DAYS,
  kafkaVariables,
  serviceVariables,
  variable,
} from 'service-kit';
import { z } from 'zod';

const TEN_MINUTES_MS = 600_000;

/** 24 days, the longest timer of Node; `make storm` and `make check-invariants` have the same limit. */
const PAYMENT_TIMEOUT_MS = { min: 1, max: 2_147_483_647 };
/** As long as operations may be kept. */
const KEPT_HOURS = { min: 1, max: KEPT_DAYS.max * 24 };
/** One broker creates 500 within 3 s. Replicas of notifications share the partitions, and are never as many. */
const PARTITIONS = { min: 1, max: 500 };
/** Clusters keep three, seldom five; a cluster refuses more replicas than it has brokers. */
const REPLICATION = { min: 1, max: 10 };

export const lomsConfig = z
  .object({
    PORT: variable.port(8081).describe('Port to listen on; 0 picks a free one.'),
    ...commonVariables,
    ...serviceVariables,
    ...kafkaVariables('Set: order events travel through Kafka.'),
    KAFKA_PARTITIONS: variable
      .whole(6, PARTITIONS)
      .describe('Partitions of the event topic when loms creates it. An existing topic keeps its own.'),
    KAFKA_REPLICATION: variable
      .whole(1, REPLICATION)
      .describe('Replicas of each partition when loms creates the event topic.'),
    NOTIFICATIONS_URL: variable
      .peerUrls()
      .optional()
      .describe(
        'URL of notifications, to which order events are delivered unless KAFKA_BROKERS is set; one of the two is required. Several URLs, separated by commas, share the calls.',
      ),
    ORDER_PAYMENT_TIMEOUT_MS: variable
      .whole(TEN_MINUTES_MS, PAYMENT_TIMEOUT_MS)
      .describe('Milliseconds that an order may await payment before it is cancelled.'),
    OUTBOX_KEPT_HOURS: variable.whole(24, KEPT_HOURS).describe('Hours that a delivered event is kept.'),
    OPERATIONS_KEPT_DAYS: variable.whole(30, KEPT_DAYS).describe('Days that the journal of operations keeps a call.'),
  })
  .superRefine(checkKafka, EVEN_WITH_MISTAKES)
  .refine(({ KAFKA_BROKERS, NOTIFICATIONS_URL }) => KAFKA_BROKERS || NOTIFICATIONS_URL, {
    ...EVEN_WITH_MISTAKES,
    error: 'one of NOTIFICATIONS_URL and KAFKA_BROKERS has to be set',
  });
