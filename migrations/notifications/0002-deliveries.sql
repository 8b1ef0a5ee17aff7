-- What has still to be delivered: a row for each notification and sink, written with the notification, deleted once it is
-- there. So the table holds what is under way and no past. Of an order and a sink only the lowest seq may be taken.
CREATE TABLE deliveries (
  sink         text        NOT NULL CHECK (sink IN ('journal', 'webhook')),
  order_id     bigint      NOT NULL,
  seq          bigint      NOT NULL,
  queued_at    timestamptz NOT NULL DEFAULT statement_timestamp(),
  -- Nobody else takes it before: it is being delivered, or rests after a failure.
  available_at timestamptz NOT NULL DEFAULT statement_timestamp(),
  attempts     integer     NOT NULL DEFAULT 0,
  -- The journal that has it, or will have it: nobody else takes it, until whoever holds that file has looked into it.
  journal_id   uuid,
  claimed_at   timestamptz,
  -- Given up; what comes after it goes on.
  dead_at      timestamptz,
  -- The span in which it was stored (W3C Trace Context).
  traceparent  text,
  PRIMARY KEY (sink, order_id, seq),
  FOREIGN KEY (order_id, seq) REFERENCES notifications,
  CHECK ((journal_id IS NULL) = (claimed_at IS NULL))
) WITH (
  -- Every row lives for some milliseconds: what the dead ones leave must be cleared away by their number, not by a share.
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 5000
);

CREATE INDEX deliveries_available ON deliveries (sink, available_at) WHERE journal_id IS NULL AND dead_at IS NULL;
CREATE INDEX deliveries_claimed ON deliveries (journal_id, claimed_at) WHERE journal_id IS NOT NULL;
CREATE INDEX deliveries_backlog ON deliveries (sink, queued_at) WHERE dead_at IS NULL;
