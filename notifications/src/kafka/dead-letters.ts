import { type Database, type Executor, shapedStatement, sql, storableText } from 'service-kit';
import type { DeadLetter, DeadLetterReader, DeadLetters, DeadReason } from './ports.ts';

const TABLE = 'dead_letters';
/** What is no event of ours may be of any length; this much of it tells what it is. An event has some hundreds. */
const VALUE_BYTES_MAX = 65_536;
const KEY_BYTES_MAX = 1_024;
const MESSAGE_LENGTH_MAX = 1_000;
/** Of each value in a list, which is read by people: thousands of whole ones would be hundreds of megabytes. */
const LISTED_BYTES_MAX = 1_024;
const LISTED = ['topic', 'partition', 'position', 'order_id', 'key', 'size', 'headers', 'reason', 'message', 'died_at'];

interface Row {
  readonly topic: string;
  readonly partition: number;
  readonly position: bigint;
  readonly order_id: bigint | null;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly size: number;
  readonly headers: Record<string, string>;
  readonly reason: DeadReason;
  readonly message: string;
  readonly died_at: Date;
}

export function createDeadLetters(executor: Executor): DeadLetters {
  return {
    async findBlocked(orderIDs) {
      if (orderIDs.length === 0) return [];
      const statement = sql
        .select()
        .from(TABLE)
        .field('order_id')
        .distinct()
        .where('order_id IN ?', [...orderIDs]);
      const rows = await executor.run<{ order_id: bigint }>('find blocked orders', statement);
      return [...new Set(rows.map(({ order_id }) => order_id))];
    },

    async add(letters) {
      if (letters.length === 0) return;
      const statement = sql.insert().into(TABLE).setFieldsRows(letters.map(toRow)).onConflict();
      await executor.run('add dead letters', statement);
    },

    async lock(orderID) {
      const statement = sql.select().from(TABLE).where('order_id = ?', orderID).order('position').for('UPDATE');
      await executor.run('lock dead letters', statement);
      // Read only now: whoever parked more of them while this waited has committed them.
      return (await executor.run<Row>('read dead letters', statement)).map(toLetter);
    },

    async remove({ topic, partition, offset }) {
      const statement = sql.delete().from(TABLE).where('topic = ?', topic).where('partition = ?', partition);
      statement.where('position = ?', offset).returning('position');
      return (await executor.run('remove dead letter', statement)).length > 0;
    },

    async explain(letter) {
      const { topic, partition, offset } = letter;
      const { reason, message } = toRow(letter);
      const statement = sql.update().table(TABLE).set('reason', reason).set('message', message);
      statement.where('topic = ?', topic).where('partition = ?', partition).where('position = ?', offset);
      await executor.run('explain dead letter', statement);
    },
  };
}

export function createDeadLetterReader(database: Database): DeadLetterReader {
  return {
    async list(order, countMax, { signal }) {
      const statement = sql
        .select()
        .from(TABLE)
        .fields(LISTED)
        .field(`substring(value FOR ${LISTED_BYTES_MAX})`, 'value');
      statement.order('order_id').order('position').limit(countMax);
      if (order !== undefined) statement.where('order_id = ?', order);
      return (await database.run<Row>('list dead letters', statement, { signal })).map(toLetter);
    },

    async count(countMax, { signal }) {
      const statement = countByReason(countMax, {});
      const rows = await database.run<Counted>('count dead letters', statement, { signal });
      const found = rows.filter(({ letters }) => letters > 0n);
      return Object.fromEntries(found.map(({ reason, letters }) => [reason, Number(letters)]));
    },
  };
}

interface Counted {
  readonly reason: DeadReason;
  readonly letters: bigint;
}

const REASONS = Object.keys({
  malformed: true,
  unknown_version: true,
  conflict: true,
  out_of_order: true,
  failed: true,
  parked: true,
} satisfies Record<DeadReason, true>);

/** Looks at no more rows than it counts, at each reading: nobody may have looked into them for long. */
const countByReason = shapedStatement<number, object>((countMax) => {
  const letters = sql.select().from(TABLE).field('1').where(`${TABLE}.reason = known.reason`).limit(countMax);
  return sql
    .select()
    .from(`unnest('{${REASONS}}'::text[])`, 'known(reason)')
    .field('reason')
    .field(sql.select().from(letters, 'letter').field('count(*)'), 'letters');
});

function toRow(letter: DeadLetter) {
  const { topic, partition, offset, orderID, key, value, headers, reason, message } = letter;
  return {
    topic,
    partition,
    position: offset,
    order_id: orderID ?? null,
    key: cut(key, KEY_BYTES_MAX),
    value: cut(value, VALUE_BYTES_MAX),
    size: value?.byteLength ?? 0,
    headers: JSON.stringify(headers),
    reason,
    // It may quote what the event says.
    message: storableText(message, MESSAGE_LENGTH_MAX),
  };
}

function cut(bytes: Uint8Array | undefined, bytesMax: number): Buffer | null {
  return bytes === undefined ? null : Buffer.from(bytes.subarray(0, bytesMax));
}

function toLetter(row: Row): DeadLetter {
  return {
    topic: row.topic,
    partition: row.partition,
    offset: row.position,
    orderID: row.order_id ?? undefined,
    key: row.key ?? undefined,
    value: row.value ?? undefined,
    headers: row.headers,
    reason: row.reason,
    message: row.message,
    diedAt: row.died_at,
    isCut: row.size > VALUE_BYTES_MAX,
  };
}
