import { type Database, isLostRace, SQLSTATE, sqlStateOf, statement } from 'service-kit';
import type { DeliveryTarget } from '../repository/deliveries.ts';
import { createNotifications } from '../repository/notifications.ts';
import { storeAndMove } from '../repository/store-next.ts';
import { createDeadLetters } from './dead-letters.ts';
import type { ConsumerOffsets, ConsumerStore } from './ports.ts';

/** @param targets the targets that each notification is queued for */
export function createConsumerStore(database: Database, targets: readonly DeliveryTarget[]): ConsumerStore {
  return {
    async storeBatch(range, notifications, { signal }) {
      try {
        const rows = await database.run('take whole batch', storeAndMove(notifications, targets, range), { signal });
        return rows.length > 0;
      } catch (error) {
        // A concurrent insert stored one of the events, or two events share an eventID.
        if (isLostRace(error) || sqlStateOf(error) === SQLSTATE.uniqueViolation) return false;
        throw error;
      }
    },

    transaction(work, { signal }) {
      return database.transaction(
        (executor) => {
          const offsets: ConsumerOffsets = {
            async move({ topic, partition }, from, to) {
              const move = statement`
                UPDATE consumer_offsets SET next_offset = ${to}, moved_at = clock_timestamp()
                WHERE topic = ${topic} AND partition = ${partition} AND next_offset = ${from}
                RETURNING partition`;
              return (await executor.run('move offset', move)).length > 0;
            },
          };
          const notifications = createNotifications(executor, targets);
          return work({ notifications, offsets, deadLetters: createDeadLetters(executor) });
        },
        { signal },
      );
    },

    async readOffset({ topic, partition }, { signal }) {
      // `move` updates, so the row has to exist.
      const insert = statement`
        INSERT INTO consumer_offsets (topic, partition, next_offset) VALUES (${topic}, ${partition}, 0)
        ON CONFLICT DO NOTHING`;
      await database.run('begin partition', insert, { signal });
      const select = statement`
        SELECT next_offset FROM consumer_offsets WHERE topic = ${topic} AND partition = ${partition}`;
      const [row] = await database.run<{ next_offset: bigint }>('read offset', select, { signal });
      return row?.next_offset ?? 0n;
    },
  };
}
