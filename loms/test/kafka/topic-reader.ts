import { randomBytes } from 'node:crypto';
import { Consumer, type Message } from '@platformatic/kafka';

export interface ReadMessage {
  readonly key: string;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly partition: number;
}

/** The messages of a topic, partition by partition in their order, until there are so many different ones. */
export async function readTopic(brokers: readonly string[], topic: string, count: number): Promise<ReadMessage[]> {
  const groupId = `tests-${randomBytes(6).toString('hex')}`;
  const consumer = new Consumer({ clientId: 'tests', bootstrapBrokers: [...brokers], groupId, retries: 10 });
  try {
    const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false, maxWaitTime: 100 });
    const read: ReadMessage[] = [];
    const values = new Set<string>();
    for await (const message of stream) {
      read.push(toRead(message));
      values.add(String(message.value));
      if (values.size >= count) break;
    }
    return read;
  } finally {
    await consumer.close(true);
  }
}

function toRead({ key, value, headers, partition }: Message): ReadMessage {
  return {
    key: String(key),
    value: String(value),
    headers: Object.fromEntries([...headers].map(([name, text]) => [String(name), String(text)])),
    partition,
  };
}
