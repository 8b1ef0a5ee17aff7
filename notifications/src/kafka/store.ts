import { type Database, sql } from 'service-kit';
import type { SinkName } from '../domain/delivery-ports.ts';
import { createNotifications } from '../repository/notifications.ts';
import { createDeadLetters } from './dead-letters.ts';
import { createConsumerOffsets, TABLE } from './offsets.ts';
import type { ConsumerStore } from './ports.ts';
import { takeWholeOn } from './store-batch.ts';

/** @param sinks those that each notification is queued for */
export function createConsumerStore(database: Database, sinks: readonly SinkName[]): ConsumerStore {
  return {
    takeWhole: takeWholeOn(database, sinks),

    transaction(work, { signal }) {
      return database.transaction(
        (executor) =>
          work({
            notifications: createNotifications(executor, sinks),
            offsets: createConsumerOffsets(executor),
            deadLetters: createDeadLetters(executor),
          }),
        { signal },
      );
    },

    async readOffset({ topic, partition }, { signal }) {
      // The row has to be there before anybody moves it.
      const insert = sql.insert().into(TABLE).setFields({ topic, partition, next_offset: 0 }).onConflict();
      await database.run('begin partition', insert, { signal });
      const select = sql.select().from(TABLE).field('next_offset');
      select.where('topic = ?', topic).where('partition = ?', partition);
      const [row] = await database.run<{ next_offset: bigint }>('read offset', select, { signal });
      return row?.next_offset ?? 0n;
    },
  };
}
