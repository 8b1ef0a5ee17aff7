import type { Notification } from '../domain/ports.ts';

export interface NotificationRow {
  readonly order_id: bigint;
  readonly seq: bigint;
  readonly event_id: string;
  readonly user_id: bigint;
  readonly status: Notification['status'];
  readonly at: Date;
  readonly text: string;
}

export function toNotification(row: NotificationRow): Notification {
  return {
    eventID: row.event_id,
    orderID: row.order_id,
    seq: Number(row.seq),
    user: row.user_id,
    status: row.status,
    at: row.at,
    text: row.text,
  };
}
