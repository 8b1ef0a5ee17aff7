import { Admin, findErrorBy } from '@platformatic/kafka';
import { explainKafkaFailure, type KafkaAccess, toKafkaClient } from 'service-kit';

export interface TopicSettings extends KafkaAccess {
  readonly topic: string;
  readonly partitions: number;
  readonly replication: number;
}

/** Short, because the relay retries. */
export const KAFKA_TIMEOUTS = { connectTimeout: 3_000, requestTimeout: 5_000, retries: 3, retryDelay: 250 } as const;

/**
 * Brokers decompress the batches of other producers and refuse those that are too large then; otherwise a megabyte could
 * become gigabytes in each consumer. loms does not compress.
 */
const CONFIGS = [{ name: 'compression.type', value: 'uncompressed' }];

/** Creates the topic where it does not exist. An existing topic keeps its partitions, replicas and settings. */
export async function ensureTopic({ topic, partitions, replication, ...access }: TopicSettings): Promise<void> {
  const admin = new Admin({ clientId: 'loms', ...toKafkaClient(access), ...KAFKA_TIMEOUTS });
  try {
    await admin.createTopics({ topics: [topic], partitions, replicas: replication, configs: CONFIGS });
  } catch (error) {
    if (isOf('TOPIC_ALREADY_EXISTS', error)) return;
    // Brokers say so without a look for the topic.
    if (isOf(UNAUTHORIZED, error) && (await hasTopic(admin, topic))) return;
    throw new Error(`The topic ${topic} cannot be created: ${reasonOf(error, replication)}`, { cause: error });
  } finally {
    await admin.close().catch(() => {});
  }
}

const UNAUTHORIZED = 'TOPIC_AUTHORIZATION_FAILED';

const isOf = (apiId: string, error: unknown): boolean => findErrorBy(error as Error, 'apiId', apiId) !== null;

async function hasTopic(admin: Admin, topic: string): Promise<boolean> {
  const metadata = await admin.metadata({ topics: [topic] }).catch(() => undefined);
  return metadata?.topics.has(topic) ?? false;
}

const UNANSWERED =
  'no broker of KAFKA_BROKERS gave a valid answer; a broker that requires KAFKA_TLS or KAFKA_USERNAME closes the connection.';

function reasonOf(error: unknown, replication: number): string {
  if (isOf('INVALID_REPLICATION_FACTOR', error)) {
    return `there are fewer than ${replication} brokers; set KAFKA_REPLICATION to the number of brokers or less.`;
  }
  if (isOf(UNAUTHORIZED, error)) {
    return 'loms is not authorized to create it, and finds no such topic; create it and authorize loms to write to it.';
  }
  return explainKafkaFailure(error) ?? UNANSWERED;
}
