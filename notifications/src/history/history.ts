import { type Database, sql } from 'service-kit';
import type { History } from '../domain/ports.ts';
import { COLUMNS, type NotificationRow, TABLE, toNotification } from '../repository/notification-row.ts';

export function createHistory(database: Database): History {
  return {
    async read({ user, from, to }, countMax, after, { signal }) {
      const statement = sql.select().from(TABLE).fields(COLUMNS).where('user_id = ?', user);
      if (from) statement.where('at >= ?', from);
      if (to) statement.where('at < ?', to);
      // A row comparison follows the index (user_id, at, order_id, seq) to the very row, however deep the page lies.
      if (after) statement.where('(at, order_id, seq) < (?, ?, ?)', after.at, after.orderID, after.seq);
      statement.order('at', false).order('order_id', false).order('seq', false).limit(countMax);
      const rows = await database.run<NotificationRow>('read history', statement, { signal });
      return rows.map(toNotification);
    },
  };
}
