import { type Database, type Executor, sql } from 'service-kit';
import type { ConsumerOffsets, ConsumerStore } from '../domain/consumer-ports.ts';
import type { SinkName } from '../domain/delivery-ports.ts';
import { createDeadLetters } from './dead-letters.ts';
import { createNotifications } from './notifications.ts';
import { runTakeWhole } from './take-whole.ts';

const TABLE = 'consumer_offsets';

/** @param sinks those that each notification is queued for */
export function createConsumerStore(database: Database, sinks: readonly SinkName[]): ConsumerStore {
  return {
    takeWhole: (stretch, notifications, context) => runTakeWhole(database, sinks, { stretch, notifications }, context),

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

function createConsumerOffsets(executor: Executor): ConsumerOffsets {
  return {
    async move({ topic, partition }, from, to) {
      const statement = sql.update().table(TABLE).set('next_offset', to).set('moved_at', sql.str('clock_timestamp()'));
      statement.where('topic = ?', topic).where('partition = ?', partition).where('next_offset = ?', from);
      return (await executor.run('move offset', statement.returning('partition'))).length > 0;
    },
  };
}
