import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { OrderEvent } from 'loms/contract.ts';
import { DatabaseUnavailable } from 'service-kit';
import { eventually } from 'testing';
import { consumeBatch } from '../../src/kafka/consume-batch.ts';
import { readMessage } from '../../src/kafka/read-message.ts';
import { createConsumerStore } from '../../src/kafka/store.ts';
import { createEvents } from '../order-events.ts';
import {
  type ConsumerGround,
  oneByOne,
  openConsumerGround,
  openTestPool,
  type RunningConsumer,
  surround,
  toRaw,
} from './consumer-ground.ts';
import { DEATH_POINTS } from './death-points.ts';

/** The notifications are exactly those of the events, and there are no dead letters. */
async function assertExactlyOnce(ground: ConsumerGround, events: readonly OrderEvent[]): Promise<void> {
  const rows = await ground.sql('SELECT event_id, order_id, seq FROM notifications');
  assert.deepEqual(
    rows.map(({ event_id, order_id, seq }) => `${event_id} ${order_id} ${seq}`).sort(),
    events.map(({ eventID, orderID, seq }) => `${eventID} ${orderID} ${seq}`).sort(),
  );
  assert.deepEqual(await ground.sql('SELECT * FROM dead_letters'), []);
}

function assertAnnouncedOnce(consumers: readonly RunningConsumer[], events: readonly OrderEvent[]): void {
  const announced = consumers.flatMap(({ announced }) => announced.map(({ eventID }) => eventID));
  assert.deepEqual(announced.toSorted(), events.map(({ eventID }) => eventID).toSorted());
}

/** Events of many orders, mixed, with those of an order in its order. */
function mixedEvents(orders: number, each: number): OrderEvent[] {
  const all = Array.from({ length: orders }, () => createEvents(each));
  return Array.from({ length: each }, (_, index) => all.flatMap((events) => events.slice(index, index + 1))).flat();
}

describe('Several consumers of order events', () => {
  it('that all consume the same partitions store each event once', async () => {
    await using ground = await openConsumerGround(2);
    // Each group has every partition, as if no consumer noticed that it lost a partition.
    const consumers = [0, 1, 2].map((index) => ground.start({ group: `${ground.group}-${index}` }));
    const events = mixedEvents(40, 10);
    await ground.publish(events);
    await ground.consumed();
    await assertExactlyOnce(ground, events);
    assertAnnouncedOnce(consumers, events);
  });

  it('store nothing from an outdated offset', async () => {
    await using ground = await openConsumerGround(1);
    await using database = openTestPool(ground.databaseUrl);
    const store = createConsumerStore(database, []);
    const { topic } = ground;
    const context = { signal: AbortSignal.timeout(20_000) };
    await store.readOffset({ topic, partition: 0 }, context);
    const storeAt = (event: OrderEvent, from: bigint): Promise<unknown> => {
      const { key = '', value = '' } = toRaw(event);
      const record = { offset: from, key: Buffer.from(key), value: Buffer.from(value), headers: {} };
      const batch = { topic, partition: 0, from, to: from + 1n, messages: [readMessage(record)] };
      return consumeBatch({ store, announce() {} }, batch, context);
    };
    const [first, stale] = [createEvents(1), createEvents(1)].flat();
    assert.ok(first && stale);
    await storeAt(first, 0n);
    for (const from of [0n, 2n]) await assert.rejects(storeAt(stale, from), { name: 'PartitionMoved' });
    await assertExactlyOnce(ground, [first]);
    assert.equal(await store.readOffset({ topic, partition: 0 }, context), 1n);
  });

  it('that join and leave share the partitions and store each event once', async () => {
    await using ground = await openConsumerGround(6);
    const consumers = [ground.start()];
    const events = mixedEvents(60, 10);
    const third = events.length / 3;
    await ground.publish(events.slice(0, third));
    consumers.push(ground.start(), ground.start());
    await ground.publish(events.slice(third, 2 * third));
    await eventually('each has two partitions', async () => {
      const metrics = await Promise.all(consumers.map(({ registry }) => registry.metrics()));
      return metrics.every((text) => /^events_partitions_assigned 2$/m.test(text));
    });
    await consumers[0]?.[Symbol.asyncDispose]();
    await ground.publish(events.slice(2 * third));
    await consumers[1]?.[Symbol.asyncDispose]();
    await ground.consumed();
    await assertExactlyOnce(ground, events);
    assertAnnouncedOnce(consumers, events);
  });

  for (const point of DEATH_POINTS) {
    it(`lose no event and store none twice when one is killed ${point}`, async () => {
      await using ground = await openConsumerGround(2);
      // Some batches for each partition.
      const events = mixedEvents(250, 10);
      await ground.publish(events);
      const { brokers, topic, group, databaseUrl } = ground;
      const child = spawn(process.execPath, [join(import.meta.dirname, 'mortal-consumer.ts')], {
        env: { ...process.env, DIE: point, PLACE: JSON.stringify({ brokers, topic, group, databaseUrl }) },
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      const [, signal] = await once(child, 'exit');
      assert.equal(signal, 'SIGKILL');
      // In one statement, because the server may still commit the last transaction.
      const [{ stored, passed } = {}] = await ground.sql(`SELECT
        (SELECT count(*)::integer FROM notifications) AS stored,
        (SELECT sum(next_offset)::integer FROM consumer_offsets) AS passed`);
      assert.equal(stored, passed, 'the offsets are just behind the stored events');
      ground.start();
      await ground.consumed();
      await assertExactlyOnce(ground, events);
    });
  }

  it('shrink the batches if a transaction with many messages times out', async () => {
    await using ground = await openConsumerGround(1);
    const inTimeMax = 10;
    const consumer = ground.start({
      store: (store) => ({
        ...oneByOne(store),
        transaction: (work, context) =>
          store.transaction((repositories) => {
            const { notifications } = repositories;
            const addFitting: typeof notifications.addFitting = async (batch) => {
              if (batch.length > inTimeMax) throw new DatabaseUnavailable('it took too long');
              return notifications.addFitting(batch);
            };
            return work({ ...repositories, notifications: { ...notifications, addFitting } });
          }, context),
      }),
    });
    const events = mixedEvents(30, 10);
    await ground.publish(events);
    await ground.consumed();
    await assertExactlyOnce(ground, events);
    assertAnnouncedOnce([consumer], events);
  });

  it('shrink the batches if the statement for a whole batch times out', async () => {
    await using ground = await openConsumerGround(1);
    const inTimeMax = 10;
    const consumer = ground.start({
      store: (store) => ({
        ...store,
        async storeBatch(range, notifications, context) {
          if (notifications.length > inTimeMax) throw new DatabaseUnavailable('it took too long');
          return store.storeBatch(range, notifications, context);
        },
      }),
    });
    const events = mixedEvents(30, 10);
    await ground.publish(events);
    await ground.consumed();
    await assertExactlyOnce(ground, events);
    assertAnnouncedOnce([consumer], events);
  });

  it('that store their messages one by one store each event once', async () => {
    await using ground = await openConsumerGround(2);
    const consumers = [0, 1].map((index) => ground.start({ group: `${ground.group}-${index}`, store: oneByOne }));
    const events = mixedEvents(20, 10);
    await ground.publish(events);
    await ground.consumed();
    await assertExactlyOnce(ground, events);
    assertAnnouncedOnce(consumers, events);
  });

  it('wait while the database is unavailable, log this once, and continue', async () => {
    await using ground = await openConsumerGround(1);
    let isUnavailable = true;
    let tries = 0;
    const consumer = ground.start({
      store: (store) =>
        surround(store, async (transaction) => {
          tries += 1;
          if (isUnavailable) throw new DatabaseUnavailable('unavailable');
          return transaction();
        }),
    });
    const events = mixedEvents(300, 4);
    await ground.publish(events);
    const paused = () =>
      consumer.lines.filter(({ msg }) => msg === 'the partition is paused: its messages cannot be stored');
    await eventually('the partition was tried several times', () => tries >= 4);
    assert.equal(paused().length, 1, 'it is logged once');
    assert.equal(consumer.announced.length, 0);
    isUnavailable = false;
    await ground.consumed();
    await assertExactlyOnce(ground, events);
    assert.ok(consumer.lines.some(({ msg }) => msg === 'the partition continues'));
  });
});
