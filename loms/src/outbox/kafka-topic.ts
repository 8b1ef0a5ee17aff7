import { Admin, findErrorBy } from '@platformatic/kafka';
import { explainKafkaFailure, type KafkaAccess, toKafkaClient } from 'service-kit';

export interface TopicSettings extends KafkaAccess {
  readonly topic: string;
  readonly partitions: number;
  readonly replication: number;
}

/** Reasons to wait for a broker a little, and not for long: whoever asks tries again later. */
export const KAFKA_TIMEOUTS = { connectTimeout: 3_000, requestTimeout: 5_000, retries: 3, retryDelay: 250 } as const;

/**
 * Brokers unpack what other producers compress, and refuse what is too large then: otherwise a megabyte could be gigabytes
 * once it is unpacked in each consumer. loms does not compress.
 */
const CONFIGS = [{ name: 'compression.type', value: 'uncompressed' }];

/** Sees to it that the topic is there. One that is there already stays as it is, whatever the settings say by now. */
export async function ensureTopic({ topic, partitions, replication, ...access }: TopicSettings): Promise<void> {
  const admin = new Admin({ clientId: 'loms', ...toKafkaClient(access), ...KAFKA_TIMEOUTS });
  try {
    await admin.createTopics({ topics: [topic], partitions, replicas: replication, configs: CONFIGS });
  } catch (error) {
    if (findErrorBy(error as Error, 'apiId', 'TOPIC_ALREADY_EXISTS')) return;
    throw new Error(`The topic ${topic} cannot be created: ${reasonOf(error, replication)}`, { cause: error });
  } finally {
    await admin.close().catch(() => {});
  }
}

const UNANSWERED =
  'no broker of KAFKA_BROKERS answered as it should; one that wants KAFKA_TLS or KAFKA_USERNAME closes the connection.';

function reasonOf(error: unknown, replication: number): string {
  if (findErrorBy(error as Error, 'apiId', 'INVALID_REPLICATION_FACTOR')) {
    return `there are fewer than ${replication} brokers; set KAFKA_REPLICATION to what there is.`;
  }
  if (findErrorBy(error as Error, 'apiId', 'TOPIC_AUTHORIZATION_FAILED')) {
    return 'loms may not create it; create it yourself or allow loms to.';
  }
  return explainKafkaFailure(error) ?? UNANSWERED;
}
