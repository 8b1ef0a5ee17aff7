import { type Database, type Executor, statement } from 'service-kit';
import type { Notifications, OpenNotifications } from '../domain/ports.ts';
import { type DeliveryTarget, keysOf } from './deliveries.ts';
import { type NotificationRow, toNotification } from './notification-row.ts';
import { storeFitting } from './store-next.ts';

/** @param targets the targets that each notification is queued for */
export function openNotifications(database: Database, targets: readonly DeliveryTarget[]): OpenNotifications {
  return ({ signal }) => createNotifications({ run: (name, sql) => database.run(name, sql, { signal }) }, targets);
}

export function createNotifications(executor: Executor, targets: readonly DeliveryTarget[]): Notifications {
  return {
    async lastSeq(orderID) {
      const select = statement`SELECT max(seq) AS last FROM notifications WHERE order_id = ${orderID}`;
      const [row] = await executor.run<{ last: bigint | null }>('read last seq', select);
      return Number(row?.last ?? 0);
    },

    async find(orderID, seq) {
      const select = statement`SELECT * FROM notifications WHERE order_id = ${orderID} AND seq = ${seq}`;
      const [row] = await executor.run<NotificationRow>('find notification', select);
      return row && toNotification(row);
    },

    async findAll(keys) {
      const { orderIDs, seqs } = keysOf(keys);
      const select = statement`
        SELECT * FROM notifications
        WHERE (order_id, seq) IN (SELECT unnest(${orderIDs}::bigint[]), unnest(${seqs}::bigint[]))`;
      return (await executor.run<NotificationRow>('find notifications', select)).map(toNotification);
    },

    async addFitting(batch) {
      const rows = await executor.run<{ order_id: bigint }>('add notifications', storeFitting(batch, targets));
      return rows.map(({ order_id }) => order_id);
    },

    async add({ eventID, orderID, seq, user, status, at, text }, { traceparent = null, tracestate = null }) {
      // ON CONFLICT without a target covers every unique constraint: the primary key (order_id, seq) and event_id.
      const insert = statement`
        WITH stored AS (
          INSERT INTO notifications (order_id, seq, event_id, user_id, status, at, text)
          SELECT ${orderID}::bigint, ${seq}::bigint, ${eventID}::uuid, ${user}::bigint, ${status}::text, ${at}::timestamptz,
            ${text}::text
          WHERE ${seq}::bigint = 1
            OR EXISTS (SELECT 1 FROM notifications WHERE order_id = ${orderID} AND seq = ${seq}::bigint - 1)
          ON CONFLICT DO NOTHING
          RETURNING order_id, seq
        ), queued AS (
          INSERT INTO deliveries (sink, order_id, seq, traceparent, tracestate)
          SELECT unnest(${targets}::text[]), order_id, seq, ${traceparent}::text, ${tracestate}::text FROM stored
        )
        SELECT seq FROM stored`;
      return (await executor.run('add notification', insert)).length > 0;
    },
  };
}
