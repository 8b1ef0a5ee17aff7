import { type Database, sql } from 'service-kit';
import type { Context, Notification } from '../domain/ports.ts';
import { type NotificationRow, toNotification } from '../repository/notification-row.ts';

/** The notifications of one user, from `from` (inclusive) to `to` (exclusive). */
export interface Period {
  readonly user: bigint;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}

/** The sort key of history. No two notifications share one. */
export type Position = Pick<Notification, 'at' | 'orderID' | 'seq'>;

export interface History {
  /**
   * Newest first: descending by time, then order, then seq.
   * @param after only notifications behind this position in that order
   */
  read(period: Period, countMax: number, after: Position | undefined, context: Context): Promise<Notification[]>;
}

export function createHistory(database: Database): History {
  return {
    async read({ user, from, to }, countMax, after, { signal }) {
      const select = sql.select().from('notifications').where('user_id = ?', user);
      if (from) select.where('at >= ?', from);
      if (to) select.where('at < ?', to);
      // A row comparison reads from the very row on in the index (user_id, at, order_id, seq), however deep the page is.
      if (after) select.where('(at, order_id, seq) < (?, ?, ?)', after.at, after.orderID, after.seq);
      select.order('at', false).order('order_id', false).order('seq', false).limit(countMax);
      return (await database.run<NotificationRow>('read history', select, { signal })).map(toNotification);
    },
  };
}
