import assert from 'node:assert/strict';
import { openKafkaGroup } from '../../src/kafka/group.ts';
import { openConsumerGround } from './consumer-ground.ts';

describe('A member of the consumer group', () => {
  it('has other requests answered while a fetch waits for messages', async () => {
    await using ground = await openConsumerGround(1);
    const { brokers, topic, group: name } = ground;
    const group = openKafkaGroup({ brokers, topic, group: name, sessionTimeoutMs: 10_000 });
    try {
      const { promise: assigned, resolve } = Promise.withResolvers<readonly number[]>();
      await group.join(resolve);
      const [partition = 0] = await assigned;
      // Opens both connections.
      const offset = await group.readBegin(partition);
      await group.fetch([{ partition, offset }], true);
      const order: string[] = [];
      const fetched = group.fetch([{ partition, offset }], false).then(() => order.push('fetch'));
      // The fetch is sent by the end of the first one.
      for (let read = 0; read < 3; read++) {
        await group.readBegin(partition);
        order.push('read');
      }
      await fetched;
      assert.deepEqual(order, ['read', 'read', 'read', 'fetch']);
    } finally {
      await group.close();
    }
  });
});
