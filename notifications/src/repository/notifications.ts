import { type Executor, fixedStatement, shapedStatement, sql } from 'service-kit';
import type { SinkName } from '../domain/delivery-ports.ts';
import type { Notifications } from '../domain/ports.ts';
import { withDeliveries } from './deliveries.ts';
import { COLUMNS, type NotificationRow, TABLE, TYPES, toNotification, toRow } from './notification-row.ts';

/** @param sinks those that each notification is queued for */
export function createNotifications(executor: Executor, sinks: readonly SinkName[]): Notifications {
  const shape = sinks.length === 0 ? 'unqueued' : 'queued';
  return {
    async lastSeq(orderID) {
      const [row] = await executor.run<{ last: bigint | null }>('read last seq', readLastSeq({ orderID }));
      return Number(row?.last ?? 0);
    },

    async find(orderID, seq) {
      const [row] = await executor.run<NotificationRow>('find notification', findNotification({ orderID, seq }));
      return row && toNotification(row);
    },

    async add(notification, { traceparent = null, tracestate = null }) {
      const values = { ...toRow(notification), sinks, traceparent, tracestate };
      const statement = addNotification(shape, values);
      return (await executor.run('add notification', statement)).length > 0;
    },
  };
}

const readLastSeq = fixedStatement<{ orderID: bigint }>(({ orderID }) =>
  sql.select().from(TABLE).field('max(seq)', 'last').where('order_id = ?', orderID),
);

const findNotification = fixedStatement<{ orderID: bigint; seq: number }>(({ orderID, seq }) =>
  sql.select().from(TABLE).fields(COLUMNS).where('order_id = ?', orderID).where('seq = ?', seq),
);

interface Added extends NotificationRow {
  readonly sinks: readonly SinkName[];
  readonly traceparent: string | null;
  readonly tracestate: string | null;
}

/** Without a target, ON CONFLICT heeds every unique constraint: the place (order_id, seq) and the event_id. */
const addNotification = shapedStatement<'queued' | 'unqueued', Added>((shape, added) => {
  const before = sql.select().from(TABLE).field('1').where('order_id = ?', added.order_id);
  before.where('seq = ?::bigint - 1', added.seq);
  const row = sql.select().where(sql.expr().and('?::bigint = 1', added.seq).or('EXISTS ?', before));
  for (const column of COLUMNS) row.field(sql.str(`?::${TYPES[column]}`, added[column]));
  const insert = sql.insert().into(TABLE).fromQuery(COLUMNS, row).onConflict().returning('order_id').returning('seq');
  return shape === 'unqueued' ? insert : withDeliveries(insert, added);
});
