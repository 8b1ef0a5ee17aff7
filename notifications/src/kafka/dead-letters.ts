import { type Database, type Executor, sql, statement, storableText } from 'service-kit';
import type { DeadLetter, DeadLetterReader, DeadLetters, DeadReason } from './ports.ts';

const TABLE = 'dead_letters';
/** Enough to identify a message; an event has some hundred bytes. */
const VALUE_BYTES_MAX = 65_536;
const KEY_BYTES_MAX = 1_024;
const MESSAGE_LENGTH_MAX = 1_000;
/** Of each value in a list for people: whole values of thousands of letters would be hundreds of megabytes. */
const LISTED_BYTES_MAX = 1_024;
const LISTED = ['topic', 'partition', 'position', 'order_id', 'key', 'headers', 'reason', 'message'];

interface Row {
  readonly topic: string;
  readonly partition: number;
  readonly position: bigint;
  readonly order_id: bigint | null;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Record<string, string>;
  readonly reason: DeadReason;
  readonly message: string;
}

export function createDeadLetters(executor: Executor): DeadLetters {
  return {
    async findBlocked(orderIDs) {
      if (orderIDs.length === 0) return [];
      const select = statement`SELECT DISTINCT order_id FROM dead_letters WHERE order_id = ANY(${orderIDs}::bigint[])`;
      const rows = await executor.run<{ order_id: bigint }>('find blocked orders', select);
      return rows.map(({ order_id }) => order_id);
    },

    async add(letters) {
      if (letters.length === 0) return;
      await executor.run('add dead letters', sql.insert().into(TABLE).setFieldsRows(letters.map(toRow)).onConflict());
    },

    async lock(orderID) {
      const select = statement`SELECT * FROM dead_letters WHERE order_id = ${orderID} ORDER BY position FOR UPDATE`;
      await executor.run('lock dead letters', select);
      // Again, because a transaction that held the locks may have committed more letters of the order.
      return (await executor.run<Row>('read dead letters', select)).map(toLetter);
    },

    async remove({ topic, partition, offset }) {
      const remove = statement`
        DELETE FROM dead_letters WHERE topic = ${topic} AND partition = ${partition} AND position = ${offset}`;
      await executor.run('remove dead letter', remove);
    },

    async explain(letter) {
      const { topic, partition, position, reason, message } = toRow(letter);
      const update = statement`
        UPDATE dead_letters SET reason = ${reason}, message = ${message}
        WHERE topic = ${topic} AND partition = ${partition} AND position = ${position}`;
      await executor.run('explain dead letter', update);
    },
  };
}

export function createDeadLetterReader(database: Database): DeadLetterReader {
  return {
    async list({ orderID, partition, offset }, countMax, { signal }) {
      const select = sql.select().from(TABLE).fields(LISTED);
      select.field(`substring(value FOR ${LISTED_BYTES_MAX})`, 'value');
      if (orderID !== undefined) select.where('order_id = ?', orderID);
      if (partition !== undefined) select.where('partition = ?', partition);
      if (offset !== undefined) select.where('position = ?', offset);
      select.order('order_id').order('position').limit(countMax);
      return (await database.run<Row>('list dead letters', select, { signal })).map(toLetter);
    },

    async count(countMax, { signal }) {
      // Reads no more rows of a reason than it counts, because letters may pile up for weeks.
      const select = statement`
        SELECT reason, (
          SELECT count(*) FROM (SELECT 1 FROM dead_letters WHERE dead_letters.reason = known.reason LIMIT ${countMax}) letter
        ) AS letters
        FROM unnest(${REASONS}::text[]) known (reason)`;
      const rows = await database.run<{ reason: DeadReason; letters: bigint }>('count dead letters', select, {
        signal,
      });
      const found = rows.filter(({ letters }) => letters > 0n);
      return Object.fromEntries(found.map(({ reason, letters }) => [reason, Number(letters)]));
    },
  };
}

const REASONS = Object.keys({
  malformed: true,
  unknown_version: true,
  conflict: true,
  out_of_order: true,
  failed: true,
  parked: true,
} satisfies Record<DeadReason, true>);

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
    // It may quote the event.
    message: storableText(message, MESSAGE_LENGTH_MAX),
  };
}

function cut(bytes: Uint8Array | undefined, bytesMax: number): Buffer | null {
  return bytes === undefined ? null : Buffer.from(bytes.subarray(0, bytesMax));
}

function toLetter({ position, order_id, key, value, ...row }: Row): DeadLetter {
  return {
    ...row,
    offset: position,
    orderID: order_id ?? undefined,
    key: key ?? undefined,
    value: value ?? undefined,
  };
}
