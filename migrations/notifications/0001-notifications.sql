-- One row for each event taken. The event and its notification are born together and know each other one to one, so the
-- row is both: the inbox that tells a repeated event from a new one, and the notification that history shows.
-- Taking seq n needs the committed row n - 1, so the seqs of an order have no gaps and its last seq is the greatest one.
CREATE TABLE notifications (
  order_id bigint         NOT NULL,
  seq      bigint         NOT NULL CHECK (seq BETWEEN 1 AND 4294967295),
  event_id uuid           NOT NULL UNIQUE,
  user_id  bigint         NOT NULL,
  status   text           NOT NULL CHECK (status IN ('new', 'awaiting payment', 'failed', 'payed', 'cancelled')),
  -- Milliseconds, as on the wire: what a page's cursor says is then exactly what stands here.
  at       timestamptz(3) NOT NULL,
  text     text           NOT NULL CHECK (text <> ''),
  PRIMARY KEY (order_id, seq)
);

-- The order of history, read backwards; order_id and seq settle the order of equal times.
CREATE INDEX notifications_history ON notifications (user_id, at, order_id, seq);
