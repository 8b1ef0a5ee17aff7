import { type Executor, sql } from 'service-kit';
import type { ConsumerOffsets, Stretch } from './ports.ts';

export const TABLE = 'consumer_offsets';

export function createConsumerOffsets(executor: Executor): ConsumerOffsets {
  return {
    async move({ topic, partition }, from, to) {
      return (await executor.run('move offset', moveOffset({ topic, partition, from, to }))).length > 0;
    },
  };
}

/** Answers a row just where the group stood at `from`; the row of the partition is locked then. */
export function moveOffset({ topic, partition, from, to }: Stretch) {
  const statement = sql.update().table(TABLE).set('next_offset', to).set('moved_at', sql.str('clock_timestamp()'));
  statement.where('topic = ?', topic).where('partition = ?', partition).where('next_offset = ?', from);
  return statement.returning('partition');
}
