import type { Notification, OrderStatus } from '../domain/ports.ts';

export const TABLE = 'notifications';

export interface NotificationRow {
  readonly order_id: bigint;
  readonly seq: bigint;
  readonly event_id: string;
  readonly user_id: bigint;
  readonly status: OrderStatus;
  readonly at: Date;
  readonly text: string;
}

/** For parameters in places where Postgres does not see what they are for. */
export const TYPES = {
  order_id: 'bigint',
  seq: 'bigint',
  event_id: 'uuid',
  user_id: 'bigint',
  status: 'text',
  at: 'timestamptz',
  text: 'text',
} as const satisfies Record<keyof NotificationRow, string>;

export const COLUMNS = Object.keys(TYPES) as (keyof NotificationRow)[];

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

export function toRow({ eventID, orderID, seq, user, status, at, text }: Notification): NotificationRow {
  return { order_id: orderID, seq: BigInt(seq), event_id: eventID, user_id: user, status, at, text };
}
