-- One row for each row of order_status_history, written in the same transaction, to be delivered in the order of seq.
CREATE TABLE outbox (
  event_id     uuid        PRIMARY KEY,
  order_id     bigint      NOT NULL,
  seq          integer     NOT NULL,
  user_id      bigint      NOT NULL,
  status       text        NOT NULL,
  changed_at   timestamptz NOT NULL,
  delivered_at timestamptz,
  -- Nobody else takes the event before: it is being delivered, or rests after a failure.
  available_at timestamptz NOT NULL DEFAULT now(),
  attempts     integer     NOT NULL DEFAULT 0,
  UNIQUE (order_id, seq),
  FOREIGN KEY (order_id, seq) REFERENCES order_status_history
);

CREATE INDEX outbox_undelivered ON outbox (order_id, seq) WHERE delivered_at IS NULL;
CREATE INDEX outbox_available ON outbox (available_at) WHERE delivered_at IS NULL;
