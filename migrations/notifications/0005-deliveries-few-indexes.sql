-- A row of the journal lives for some milliseconds, so each index entry and each check of it is a large part of its cost. The age of
-- its backlog is read by the other indexes; notifications are never deleted, so the foreign key has nothing to protect.
DROP INDEX deliveries_backlog;
CREATE INDEX deliveries_backlog ON deliveries (queued_at) WHERE sink = 'webhook' AND dead_at IS NULL;
ALTER TABLE deliveries DROP CONSTRAINT deliveries_order_id_seq_fkey;
