import { type Executor, sql } from 'service-kit';
import type { SinkName } from '../domain/delivery-ports.ts';
import type { Notifications } from '../domain/ports.ts';
import { withDeliveries } from './deliveries.ts';
import { COLUMNS, type NotificationRow, TABLE, toNotification } from './notification-row.ts';

/** @param sinks those that each notification is queued for */
export function createNotifications(executor: Executor, sinks: readonly SinkName[]): Notifications {
  return {
    async lastSeq(orderID) {
      const statement = sql.select().from(TABLE).field('max(seq)', 'last').where('order_id = ?', orderID);
      const [row] = await executor.run<{ last: bigint | null }>('read last seq', statement);
      return Number(row?.last ?? 0);
    },

    async find(orderID, seq) {
      const statement = sql.select().from(TABLE).fields(COLUMNS).where('order_id = ?', orderID).where('seq = ?', seq);
      const [row] = await executor.run<NotificationRow>('find notification', statement);
      return row && toNotification(row);
    },

    async add({ eventID, orderID, seq, user, status, at, text }) {
      const row = { order_id: orderID, seq, event_id: eventID, user_id: user, status, at, text };
      // Without a target it heeds every unique constraint: the place (order_id, seq) and the event_id.
      const insert = sql.insert().into(TABLE).setFields(row).onConflict().returning('order_id').returning('seq');
      const statement = sinks.length === 0 ? insert : withDeliveries(insert, sinks);
      return (await executor.run('add notification', statement)).length > 0;
    },
  };
}
