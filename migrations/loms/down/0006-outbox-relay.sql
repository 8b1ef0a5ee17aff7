DROP TABLE outbox_forgotten;
DROP INDEX outbox_delivered;
DROP INDEX outbox_backlog;
ALTER TABLE outbox
  DROP COLUMN request_id,
  DROP COLUMN traceparent;
